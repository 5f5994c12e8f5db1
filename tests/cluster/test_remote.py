"""With a remote as well, workers write episodes and latents straight to it, and the driver gets figures only."""

from dataclasses import asdict

import pytest

from dreamgym.commands import collect as collect_command, encode
from dreamgym.data.encode import encode_rollouts
from dreamgym.models.arrays import write_arrays
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.run import check_inputs, fetch_inputs, run_pipeline
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.stages import Pipeline
from dreamgym.pipeline.status import inspect
from dreamgym.play.settings import CollectSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import LocalExecutor
from dreamgym.storage.exchange import Exchange
from dreamgym.storage.remote_files import RemoteFiles
from tests.cluster.conftest import contents
from tests.commands import run_command

pytestmark = pytest.mark.slow

TINY = PipelineSettings(
    task="tests.tiny_game:TINY_TASK",
    rounds=1,
    random=CollectSettings(episodes=8, episode_length=20),
    on_policy=CollectSettings(episodes=5, episode_length=20, noise=0.5),
    start_steps=2,
    finalists=1,
    final_tracks=0,
    evaluation_episodes=1,
    video_steps=2,
)


def begin(folder, world_model, controller, url=None):
    """Begins an experiment whose models are there, so that gathering data for them is left."""
    experiment = Experiment(folder)
    experiment.write_config({"preset": "quick", **asdict(TINY)}, remote=url)
    write_arrays(experiment.vision, world_model.vision)
    experiment.mark_done("0-vision", seconds=1.0)
    nll = {"memory": 1.0, "unit_gaussian": 1.4, "persistence": 2.0}
    scores = dict.fromkeys(("real_score", "latest_real_score", "standard_error", "dream_return"), 0.0)
    for round_ in range(TINY.rounds + 1):
        world_model.save(experiment.round_world_model(round_))
        write_arrays(experiment.memory(round_, 0), world_model.memory._asdict())
        for path in experiment.round_controllers(round_):
            LinearController.load(controller).save(path)
        experiment.mark_done(f"{round_}-memory", nll=nll, target_correlation=0.5, seconds=1.0)
        experiment.mark_done(f"{round_}-controller", **scores, seconds=1.0)
    return experiment


def objects(remote, folder):
    """The objects of episodes or latents in a folder of a remote, by name."""
    files = RemoteFiles(remote, folder)
    return {name: files.get(name) for name in files.names() if name.startswith("episode-")}


def test_a_pipeline_gathers_what_one_machine_does_and_its_driver_fetches_only_what_it_trains_on(
    executor, bucket, tiny_world_model, controller, tmp_path
):
    here = begin(tmp_path / "here", tiny_world_model, controller)
    for round_ in range(2):
        for kind in ("collect", "latents"):
            Pipeline(here, TINY, LocalExecutor(0)).stage(f"{round_}-{kind}").run()
    away = begin(tmp_path / "away", tiny_world_model, controller, bucket.url)
    run_pipeline(away, TINY, executor, bucket.url)
    for round_ in range(2):
        assert contents(away.rollouts(round_)) == {}
        assert objects(bucket, away.inside(away.rollouts(round_))) == contents(here.rollouts(round_)) != {}
        assert objects(bucket, away.inside(away.latents(round_))) == contents(here.latents(round_)) != {}
        assert contents(away.latents(round_)) == {}
    for name in ("rollouts/1-controller", "latents/1-controller"):
        assert bucket.get(f"{name}/collection.json") == (here.folder / name / "collection.json").read_bytes()
    findings = {finding.part: finding for finding in inspect(away)}
    assert findings["rollouts 1-controller"].state == f"0 of 5 episodes here, 5 in {bucket.url}"
    assert all("missing" not in finding.problem for finding in findings.values())

    pipeline = Pipeline(away, TINY, executor, away.mirror())
    with Exchange(away.folder, away.mirror()) as exchange:
        for stage in map(pipeline.stage, ("0-vision", "1-memory")):
            assert fetch_inputs(stage, pipeline.stages(), away, exchange) is None
            check_inputs(stage, pipeline.stages(), away)
    assert contents(away.rollouts(0)) == contents(here.rollouts(0)), "V is trained on them"
    assert [contents(away.latents(n)) for n in range(2)] == [contents(here.latents(n)) for n in range(2)]

    bucket.put("rollouts/1-controller/episode-000002.tfrecord", b"broken", force=True)
    away.stage_path("1-latents").unlink()
    with pytest.warns(UserWarning, match=r"skipped: episode-000002.tfrecord is broken"):
        run_pipeline(away, TINY, executor, bucket.url)
    assert objects(bucket, "rollouts/1-controller") == contents(here.rollouts(1))
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
    run_command(encode, [*words, "--first-episode", "2", *where])
    assert "latents of 4 episodes, 0 kept, 4 made" in capsys.readouterr().out
    encode_rollouts(collected, tmp_path / "here", tiny_world_model.vision, first_episode=2)
    assert objects(bucket, "latents") == contents(tmp_path / "here")
    assert contents(tmp_path / "rollouts") == contents(tmp_path / "latents") == {}
