"""The whole road on a tiny game, run for real: begun, killed, gone on with, looked at."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dreamgym.experiment import Experiment
from dreamgym.policies import LinearController
from dreamgym.world_model import WorldModel
from scripts import export, pipeline, status

TINY = [
    "--task=tests.tiny_game:TINY_TASK", "--rounds=1", "--workers=2",
    "--random.episodes=12", "--random.episode-length=20",
    "--on-policy.episodes=6", "--on-policy.episode-length=20",
    "--vision.epochs=1", "--memory.epochs=2", "--memory.sequence-length=8",
    "--memory.batch-size=8", "--memory-again.epochs=1",
    "--memory-again.sequence-length=8", "--memory-again.batch-size=8",
    "--controller.generations=3", "--controller.candidates=6", "--controller.dreams=2",
    "--controller.horizon=10", "--controller.select-every=2",
    "--controller.select-tracks=2", "--controller.members=2",
    "--starts=10", "--start-steps=2",
    "--evaluation-episodes=3", "--video-steps=4",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment that was killed with its random episodes half collected, and then gone on with."""
    folder = tmp_path_factory.mktemp("road") / "tiny"
    command = [sys.executable, "-m", "scripts.pipeline", "--experiment", str(folder), *TINY]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    rollouts = folder / "rollouts" / "0-smoothed"
    deadline = time.monotonic() + 120
    while len(list(rollouts.glob("*.tfrecord"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in rollouts.glob("*.tfrecord")}
    assert kept
    pipeline.main(["--experiment", str(folder)])
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    return Experiment(folder)


def test_the_whole_road_leaves_everything_it_promises(finished: Experiment) -> None:
    world_model = WorldModel.load(finished.world_model)
    assert world_model.task.name == "tiny_game"
    assert LinearController.load(finished.best_controller).observation_size == 4 + 8
    assert len(list((finished.folder / "rollouts" / "1-controller").glob("*.tfrecord"))) == 6
    assert (finished.controller(1) / "curves.png").stat().st_size > 1000
    assert {path.suffix for path in finished.videos.iterdir()} == {".mp4", ".gif"}
    rows = json.loads(next(finished.evaluation.glob("*.json")).read_text())
    assert "untrained M" in json.dumps(rows)


def test_a_finished_road_is_not_walked_again(finished: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    pipeline.main(["--experiment", str(finished.folder)])
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()} == before
    assert "trained in the dream" in capsys.readouterr().out.replace("\n", " ")


def test_other_settings_in_an_old_folder_are_refused(finished: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        pipeline.main(["--experiment", str(finished.folder), "--rounds", "2"])
    assert stopped.value.code == 2
    assert "rounds: 1 became 2" in capsys.readouterr().err


def test_status_names_what_is_damaged_stale_and_missing(
    finished: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    status.main([str(finished.folder)])
    whole = capsys.readouterr().out
    assert "12 of 12 episodes" in whole
    assert "damaged" not in whole
    episode = finished.folder / "rollouts" / "1-controller" / "episode-000002.tfrecord"
    content = episode.read_bytes()
    vision = finished.vision_training / "vision.npz"
    with np.load(vision) as file:
        arrays = dict(file)
    arrays["mu_bias"] = arrays["mu_bias"] + 1
    saved = vision.read_bytes()
    try:
        episode.write_bytes(content[:50])
        np.savez(vision, **arrays)
        findings = {finding.what: finding.trouble for finding in status.inspect(finished)}
    finally:
        episode.write_bytes(content)
        vision.write_bytes(saved)
    assert "damaged: episode-000002.tfrecord" in findings["rollouts 1-controller"]
    assert "12 stale" in findings["latents 0-smoothed"]


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_a_dry_run_estimates_and_writes_nothing(
    preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.main(["--preset", preset, "--experiment", str(tmp_path / "none"), "--dry-run"])
    assert "disk: about" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_a_wrong_flag_and_an_empty_folder_end_with_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        pipeline.main(["--prest", "quick"])
    assert stopped.value.code == 2
    with pytest.raises(SystemExit) as stopped:
        status.main([str(tmp_path)])
    assert stopped.value.code == 2
    assert "holds no experiment" in capsys.readouterr().err


def test_an_export_is_smaller_and_dreams_on(finished: Experiment, tmp_path: Path) -> None:
    export.main(["--experiment", str(finished.folder), "--output", str(tmp_path / "shipped"), "--starts", "3"])
    whole, shipped = WorldModel.load(finished.world_model), WorldModel.load(tmp_path / "shipped")
    assert len(shipped.starts) == 3
    size = {folder: (folder / "vision.npz").stat().st_size for folder in (finished.world_model, tmp_path / "shipped")}
    assert size[tmp_path / "shipped"] < 0.55 * size[finished.world_model]
    frame = np.full((64, 64, 3), 100, np.uint8)
    np.testing.assert_allclose(shipped.encode(frame)[0], whole.encode(frame)[0], atol=1e-2)
    controller = LinearController.load(tmp_path / "shipped" / "controller.npz")
    np.testing.assert_array_equal(controller.parameters, LinearController.load(finished.best_controller).parameters)
