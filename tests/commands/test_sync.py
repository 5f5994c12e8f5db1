"""``dreamgym sync``, and stages that work with a remote, in slices and on several machines."""

from pathlib import Path

import numpy as np
import pytest

from dreamgym.commands import collect, encode, evaluate, pipeline, sync
from dreamgym.errors import ExperimentError
from dreamgym.models.arrays import write_arrays
from dreamgym.models.vision_numpy import array_shapes
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.run import fetch_config
from dreamgym.policies.controller import LinearController
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote import Remote
from dreamgym.world_model import WorldModel
from tests.commands import run_command

COLLECT = ["--task", "tests.tiny_game:TINY_TASK", "--episode-length", "12", "--workers", "0", "--folder", "rollouts"]


def tree(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {n: p.read_bytes() for n, p in names.items() if not any(part.startswith(".") for part in n.split("/"))}


def failing(command: object, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        run_command(command, words)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_push_pull_and_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, there = Experiment(tmp_path / "here"), Experiment(tmp_path / "there")
    url = f"file://{tmp_path}/remote"
    here.write_config({"task": "tiny_game"}, remote=url)
    here.mark_done("0-collect")
    for number in range(12):
        (here.folder / f"episode-{number}").write_text("x")
    run_command(sync, ["status", "--experiment", str(here.folder)])
    assert capsys.readouterr().out.splitlines() == [
        "here only      ./  (13 files)",
        "here only      stages/0-collect.json",
    ]
    run_command(sync, ["push", "--experiment", str(here.folder)])
    assert f"14 files (0.0 MB) pushed to {url}" in capsys.readouterr().out
    run_command(sync, ["pull", "--experiment", str(there.folder), "--remote", url])
    assert tree(there.folder) == tree(here.folder)
    assert there.remote == url, "from its config on, the address need not be given"
    (here.folder / "episode-3").write_text("here")
    (there.folder / "episode-3").write_text("there")
    run_command(sync, ["push", "--experiment", str(here.folder)])
    capsys.readouterr()
    run_command(sync, ["status", "--experiment", str(there.folder)])
    assert capsys.readouterr().out == "different      episode-3\n"
    error = failing(sync, ["pull", "--experiment", str(there.folder)], capsys)
    assert "1 files differ from their objects and were let be" in error
    run_command(sync, ["pull", "--experiment", str(there.folder), "--force"])
    run_command(sync, ["status", "--experiment", str(there.folder)])
    assert capsys.readouterr().out.endswith(" are the same\n")
    assert tree(there.folder) == tree(here.folder)


def test_a_remote_is_needed_and_an_address_with_a_secret_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Experiment(tmp_path / "x").write_config({"task": "tiny_game"})
    assert "names no remote; give one" in failing(sync, ["push", "--experiment", str(tmp_path / "x")], capsys)
    words = ["--experiment", str(tmp_path / "y"), "--remote", "s3://key:SECRET@bucket/x"]
    for command, before in ((sync, ["push"]), (pipeline, []), (collect, COLLECT)):
        error = failing(command, [*before, *(words if command is not collect else words[2:])], capsys)
        assert "SECRET" not in error
        assert "leave out" in error
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    nowhere = ["push", "--experiment", str(tmp_path / "y"), "--remote", f"file://{tmp_path}/r"]
    assert "there is no" in failing(sync, nowhere, capsys)


def test_another_experiment_is_not_mixed_with_this_one(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/remote"
    experiments = [Experiment(tmp_path / name) for name in "abc"]
    for experiment, seed in zip(experiments, (0, 0, 1), strict=True):
        experiment.write_config({"task": "tiny_game", "seed": seed}, remote=url)
        config = experiment.config_path.read_text().replace('"made": "', f'"made": "{experiment.folder.name}')
        experiment.config_path.write_text(config)
    experiments[0].mirror().push()
    fetch_config(experiments[1], None)
    assert tree(experiments[1].folder) == tree(experiments[0].folder), "the same settings: the first config counts"
    with pytest.raises(ExperimentError, match=r"other settings \(settings.seed: 0 became 1\); use another prefix"):
        fetch_config(experiments[2], None)


def test_slices_make_the_same_bytes_as_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in array_shapes(4).items()}
    folders = [tmp_path / name for name in ("alone", "first", "second", "empty")]
    for folder in folders:
        folder.mkdir()
        write_arrays(folder / "vision.npz", arrays)
    alone, first, second, empty = folders
    url = f"file://{tmp_path}/remote"
    code = ["--rollouts", "rollouts", "--latents", "latents", "--world-model", "vision.npz"]

    monkeypatch.chdir(alone)
    run_command(collect, [*COLLECT, "--episodes", "7"])
    run_command(encode, code)
    for folder, begin, episodes in ((first, 0, 4), (second, 3, 4)):  # episode 3 is made by both
        monkeypatch.chdir(folder)
        part = ["--first-episode", str(begin), "--episodes", str(episodes), "--remote", url]
        run_command(collect, [*COLLECT, *part])
        run_command(encode, [*code, *part])
    assert len(list((second / "rollouts").glob("*.tfrecord"))) == 4
    made = {name: content for name, content in tree(alone).items() if name != "vision.npz"}
    assert len(made) == 2 * (7 + 1)
    assert {name: content for name, content in tree(tmp_path / "remote").items() if name != "vision.npz"} == made

    monkeypatch.chdir(empty)
    capsys.readouterr()
    run_command(collect, [*COLLECT, "--episodes", "7", "--remote", url])
    assert "7 episodes, 7 kept, 0 made" in capsys.readouterr().out
    run_command(encode, [*code, "--remote", url])
    assert "7 kept, 0 made" in capsys.readouterr().out
    assert tree(empty) == tree(alone)
    error = failing(encode, [*code, "--first-episode", "7"], capsys)
    assert "no episodes of the slice from 7 on" in error


def test_a_damaged_episode_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*COLLECT, "--episodes", "2", "--remote", f"file://{tmp_path}/remote"]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    run_command(collect, words)
    there = tmp_path / "remote" / "rollouts" / "episode-000001.tfrecord"
    whole = there.read_bytes()
    there.write_bytes(whole[:-1])
    monkeypatch.chdir(tmp_path / "two")
    run_command(collect, words)
    said = capsys.readouterr()
    assert "episode-000001.tfrecord is damaged" in said.err
    assert "1 kept, 1 made" in said.out
    assert there.read_bytes() == whole


def test_a_policy_and_its_world_model_are_fetched(
    tmp_path: Path, tiny_world_model: WorldModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, here, there = f"file://{tmp_path}/remote", tmp_path / "here", tmp_path / "there"
    tiny_world_model.save(here / "search" / "world_model")
    LinearController.zeros(tiny_world_model, None).save(here / "search" / "best.npz")
    words = ["search/best.npz", "--episodes", "2", "--workers", "0", "--no-controls", "--remote", url]
    Mirror(here, Remote(url)).push()
    there.mkdir()
    monkeypatch.chdir(there)
    run_command(evaluate, words)
    assert (there / "evaluation" / "real-2.json").exists()
    assert (tmp_path / "remote" / "evaluation" / "real-2.json").exists()


def test_what_is_written_elsewhere_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    words = ["../rollouts" if word == "rollouts" else word for word in COLLECT]
    error = failing(collect, [*words, "--episodes", "1", "--remote", f"file://{tmp_path}/remote"], capsys)
    assert "../rollouts lies outside of" in error
