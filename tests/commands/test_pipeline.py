"""The whole pipeline on a tiny game, run for real: begun, killed, continued, inspected."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dreamgym.commands import export, pipeline, status
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PRESETS, from_json
from dreamgym.pipeline.stage import stage_names
from dreamgym.pipeline.stages import Pipeline
from dreamgym.pipeline.status import inspect
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import LocalExecutor
from dreamgym.running.lock import locked
from dreamgym.world_model import WorldModel
from tests.commands import run_command

TINY = [
    "--task=tests.tiny_game:TINY_TASK", "--rounds=1", "--workers=2",
    "--random.episodes=12", "--random.episode-length=20",
    "--on-policy.episodes=6", "--on-policy.episode-length=20",
    "--vision.epochs=1", "--memory.epochs=2", "--memory.sequence-length=8",
    "--memory.batch-size=8", "--memory-again.epochs=1",
    "--memory-again.sequence-length=8", "--memory-again.batch-size=8",
    "--controller.generations=3", "--controller.candidates=6", "--controller.dreams=2",
    "--controller.horizon=10", "--controller.select-every=2",
    "--controller.select-tracks=2", "--controller.members=2", "--final-tracks=2",
    "--starts=10", "--start-steps=2",
    "--evaluation-episodes=3", "--video-steps=4",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment that was killed with its random episodes half collected, and then gone on with."""
    folder = tmp_path_factory.mktemp("pipeline") / "tiny"
    command = [sys.executable, "-m", "dreamgym", "pipeline", "--experiment", str(folder), *TINY]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    rollouts = folder / "rollouts" / "0-smoothed"
    deadline = time.monotonic() + 120
    while len(list(rollouts.glob("*.tfrecord"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in rollouts.glob("*.tfrecord")}
    assert kept
    run_command(pipeline, ["--experiment", str(folder)])
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    return Experiment(folder)


def test_the_whole_pipeline_leaves_everything_it_promises(finished: Experiment) -> None:
    world_model = WorldModel.load(finished.world_model)
    assert world_model.task.name == "tiny_game"
    assert LinearController.load(finished.controller).observation_size == 4 + 8
    assert len(list((finished.folder / "rollouts" / "1-controller").glob("*.tfrecord"))) == 6
    assert (finished.search(1) / "curves.png").stat().st_size > 1000
    assert {path.suffix for path in finished.videos.iterdir()} == {".mp4", ".gif"}
    rows = json.loads(finished.scores(3).read_text())
    assert "untrained M" in json.dumps(rows)


def test_a_finished_pipeline_is_not_run_again(finished: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    before = {
        path: path.stat().st_mtime_ns
        for path in finished.folder.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }
    run_command(pipeline, ["--experiment", str(finished.folder)])
    assert {
        path: path.stat().st_mtime_ns
        for path in finished.folder.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    } == before
    assert "trained in the dream" in capsys.readouterr().out.replace("\n", " ")


def test_other_settings_in_an_old_folder_are_refused(finished: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_command(pipeline, ["--experiment", str(finished.folder), "--rounds", "2"])
    assert stopped.value.code == 2
    assert "rounds: 1 became 2" in capsys.readouterr().err


def test_status_names_what_is_damaged_stale_and_missing(
    finished: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(status, [str(finished.folder)])
    whole = capsys.readouterr().out
    assert "12 of 12 episodes" in whole
    assert "damaged" not in whole
    assert f"report: {finished.report}" in whole.replace("\n", "")
    page = finished.report.read_text()
    assert page.count("<h2>") == 8
    assert "cannot be shown" not in page
    episode = finished.folder / "rollouts" / "1-controller" / "episode-000002.tfrecord"
    content = episode.read_bytes()
    vision = finished.vision
    with np.load(vision) as file:
        arrays = dict(file)
    arrays["mu_bias"] = arrays["mu_bias"] + 1
    saved = vision.read_bytes()
    try:
        episode.write_bytes(content[:50])
        np.savez(vision, **arrays)
        findings = {finding.part: finding.problem for finding in inspect(finished)}
    finally:
        episode.write_bytes(content)
        vision.write_bytes(saved)
    assert "damaged: episode-000002.tfrecord" in findings["rollouts 1-controller"]
    assert "12 stale" in findings["latents 0-smoothed"]


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_a_dry_run_estimates_and_writes_nothing(
    preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(pipeline, ["--preset", preset, "--experiment", str(tmp_path / "none"), "--dry-run"])
    assert "disk: about" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_a_wrong_flag_and_an_empty_folder_end_with_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_command(pipeline, ["--prest", "quick"])
    assert stopped.value.code == 2
    with pytest.raises(SystemExit) as stopped:
        run_command(status, [str(tmp_path)])
    assert stopped.value.code == 2
    assert "holds no experiment" in capsys.readouterr().err


def test_an_export_is_smaller_and_dreams_on(finished: Experiment, tmp_path: Path) -> None:
    run_command(export, ["--experiment", str(finished.folder), "--output", str(tmp_path / "shipped"), "--starts", "3"])
    whole, shipped = WorldModel.load(finished.world_model), WorldModel.load(tmp_path / "shipped")
    assert len(shipped.starts) == 3
    size = {folder: (folder / "vision.npz").stat().st_size for folder in (finished.world_model, tmp_path / "shipped")}
    assert size[tmp_path / "shipped"] < 0.55 * size[finished.world_model]
    frame = np.full((64, 64, 3), 100, np.uint8)
    np.testing.assert_allclose(shipped.encode(frame)[0], whole.encode(frame)[0], atol=1e-2)
    controller = LinearController.load(tmp_path / "shipped" / "controller.npz")
    np.testing.assert_array_equal(controller.parameters, LinearController.load(finished.controller).parameters)


def test_everything_that_a_stage_reads_was_written_by_an_earlier_one(finished: Experiment) -> None:
    stages = Pipeline(finished, from_json(finished.read_config()["settings"]), LocalExecutor(0)).stages()
    assert [stage.name for stage in stages] == stage_names(1)
    written: set[Path] = set()
    for stage in stages:
        assert set(stage.reads) <= written, stage.name
        assert stage.writes, stage.name
        assert all(path.exists() for path in stage.writes), stage.name
        written |= set(stage.writes)


def test_a_stage_whose_input_is_gone_says_how_to_make_it_again(
    finished: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Experiment(shutil.copytree(finished.folder, tmp_path / "copy"))
    shutil.rmtree(copy.world_model)
    copy.stage_path("video").unlink()
    with pytest.raises(SystemExit):
        run_command(pipeline, ["--experiment", str(copy.folder)])
    message = capsys.readouterr().err
    assert "stage video needs" in message
    assert str(copy.stage_path("choose")) in message
    copy.stage_path("choose").unlink()
    run_command(pipeline, ["--experiment", str(copy.folder)])
    assert copy.is_done("video")


def test_an_empty_machine_goes_on_with_what_the_next_stage_reads(
    finished: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, first, second = f"file://{tmp_path}/remote", Experiment(tmp_path / "first"), Experiment(tmp_path / "second")
    shutil.copytree(finished.folder, first.folder)
    for stage in ("1-latents", "choose", "video"):
        first.stage_path(stage).unlink()
    for path in (first.latents(1), first.world_model, first.controller, first.videos):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    first.mirror(url).push()
    damaged = tmp_path / "remote" / "rollouts" / "1-controller" / "episode-000004.tfrecord"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])
    run_command(pipeline, ["--experiment", str(second.folder), "--remote", url])
    said = capsys.readouterr().out
    assert "is damaged" in said
    assert "stage 1-collect makes it again" in said
    ran = [stage for stage in stage_names(1) if f"] {stage}  " in said]
    assert ran == ["1-collect", "1-latents", "choose", "video"]
    assert damaged.read_bytes() == whole
    assert not second.rollouts(0).exists(), "no stage that was left reads them"
    assert second.remote == url
    for path in (finished.controller, finished.video("gif"), *finished.latents(1).glob("*.tfrecord")):
        name = path.relative_to(finished.folder)
        assert (second.folder / name).read_bytes() == path.read_bytes()
        assert (tmp_path / "remote" / name).read_bytes() == path.read_bytes()


def test_two_commands_on_one_experiment(finished: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(finished.folder), pytest.raises(SystemExit) as stopped:
        run_command(pipeline, ["--experiment", str(finished.folder)])
    assert stopped.value.code == 2
    assert f"another command is at work in {finished.folder} (process {os.getpid()})" in capsys.readouterr().err
    run_command(pipeline, ["--experiment", str(finished.folder)])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--rounds -1", "rounds is -1"),
        ("--vision.learning-rate nan", "learning-rate is nan"),
        ("--memory.epochs 0", "epochs is 0"),
        ("--held-out 1", "held-out is 1"),
        ("--controller.temperature 0", "temperature is 0"),
        ("--random.episodes 0", "episodes is 0"),
        ("--workers -1", "workers is -1"),
        ("--task no_such_game", "no_such_game"),
    ],
)
def test_settings_are_checked_in_a_dry_run_too(
    words: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_command(pipeline, ["--experiment", str(tmp_path / "none"), "--dry-run", *words.split()])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error


def test_a_file_where_the_folder_should_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SystemExit) as stopped:
        run_command(pipeline, ["--experiment", str(tmp_path / "taken"), *TINY])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert str(tmp_path / "taken") in error
    assert error.count("\n") == 1


def test_pipeline_alone_is_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMGYM_HOME", str(tmp_path))
    args = pipeline.parse([])
    assert (args.preset, args.settings) == ("quick", PRESETS["quick"])
    assert pipeline.parse(["--preset=laptop"]).settings == PRESETS["laptop"]
