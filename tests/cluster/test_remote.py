"""With a remote as well, workers write episodes and latents straight to it, and the driver gets figures only."""

from dataclasses import asdict

import pytest

from dreamgym.commands import collect as collect_command, encode
from dreamgym.data.encode import encode_rollouts
from dreamgym.evolution.settings import SearchSettings
from dreamgym.models.settings import MemorySettings, VisionSettings
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.run import run_pipeline
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.status import inspect
from dreamgym.play.settings import CollectSettings
from dreamgym.running.jobs import LocalExecutor
from dreamgym.storage.remote_files import RemoteFiles
from tests.cluster.conftest import contents
from tests.commands import run_command

MEMORY = MemorySettings(epochs=1, sequence_length=8, batch_size=8)
TINY = PipelineSettings(
    task="tests.tiny_game:TINY_TASK",
    rounds=1,
    random=CollectSettings(episodes=8, episode_length=20),
    on_policy=CollectSettings(episodes=5, episode_length=20, noise=0.5),
    vision=VisionSettings(epochs=1),
    memory=MEMORY,
    memory_again=MEMORY,
    controller=SearchSettings(generations=1, candidates=8, dreams=8, horizon=4, select_every=1, select_tracks=1),
    starts=8,
    start_steps=2,
    finalists=1,
    final_tracks=0,
    evaluation_episodes=1,
    video_steps=2,
)


def objects(remote, folder):
    """The objects of episodes or latents in a folder of a remote, by name."""
    files = RemoteFiles(remote, folder)
    return {name: files.get(name) for name in files.names() if name.startswith("episode-")}


def test_a_pipeline_is_that_of_one_machine_and_its_driver_fetches_only_what_it_trains_on(executor, bucket, tmp_path):
    here, away = Experiment(tmp_path / "here"), Experiment(tmp_path / "away")
    for experiment, workers, url in ((here, LocalExecutor(0), None), (away, executor, bucket.url)):
        experiment.write_config({"preset": "quick", **asdict(TINY)}, remote=url)
        run_pipeline(experiment, TINY, workers, url)
    assert contents(away.rollouts(1)) == {}
    assert contents(away.rollouts(0)) == contents(here.rollouts(0)) != {}, "V is trained on them"
    made = contents(here.rollouts(1))
    assert objects(bucket, "rollouts/1-controller") == made
    for round_ in range(2):
        assert contents(away.latents(round_)) == contents(here.latents(round_)) != {}
    assert away.controller.read_bytes() == here.controller.read_bytes()
    for name in ("rollouts/1-controller", "latents/1-controller"):
        assert bucket.get(f"{name}/collection.json") == (here.folder / name / "collection.json").read_bytes()
    findings = {finding.part: finding for finding in inspect(away)}
    assert findings["rollouts 1-controller"].state == f"0 of 5 episodes here, 5 in {bucket.url}"
    assert all("missing" not in finding.problem for finding in findings.values())

    bucket.put("rollouts/1-controller/episode-000002.tfrecord", b"broken", force=True)
    away.stage_path("1-latents").unlink()
    with pytest.warns(UserWarning, match=r"skipped: episode-000002.tfrecord is broken"):
        run_pipeline(away, TINY, executor, bucket.url)
    assert objects(bucket, "rollouts/1-controller") == made
    assert contents(away.rollouts(1)) == {}


def test_commands_leave_the_files_to_the_nodes(
    cluster, executor, bucket, tiny_folder, tiny_world_model, collected, controller, tmp_path, monkeypatch, capsys
):
    executor.close()  # two drivers do not share cores
    monkeypatch.chdir(tmp_path)
    where = ["--cluster", cluster.address, "--remote", bucket.url]
    words = ["rollouts", "--task", "tests.tiny_game:TINY_TASK", "--policy", str(controller), "--noise", "0.5"]
    run_command(collect_command, [*words, "--world-model", tiny_folder, "--episodes", "6", *where])
    assert "6 episodes, 0 kept, 6 made" in capsys.readouterr().out
    assert objects(bucket, "rollouts") == contents(collected)
    words = ["--rollouts", "rollouts", "--latents", "latents", "--world-model", tiny_folder]
    for first, said in (("2", "latents of 4 episodes, 0 kept, 4 made"), ("0", "latents of 6 episodes, 4 kept, 2 made")):
        run_command(encode, [*words, "--first-episode", first, *where])
        assert said in capsys.readouterr().out
    encode_rollouts(collected, tmp_path / "here", tiny_world_model.vision)
    assert objects(bucket, "latents") == contents(tmp_path / "here")
    assert contents(tmp_path / "rollouts") == contents(tmp_path / "latents") == {}
