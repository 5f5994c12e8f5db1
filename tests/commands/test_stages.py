"""The commands one by one, as someone types them: each reads what earlier ones wrote."""

import csv

import numpy as np
import pytest

from dreamgym.commands import collect, encode, evaluate, record, train_controller, train_memory, train_vae
from dreamgym.evaluation.scores import load_evaluations
from dreamgym.policies.controller import LinearController
from dreamgym.world_model import WorldModel
from tests.commands import run_command

TINY = "--task tests.tiny_game:TINY_TASK"
SMALL_M = "--memory.epochs 1 --memory.batch-size 4 --memory.sequence-length 6 --starts 8 --start-steps 2"
SMALL_C = "--workers 0 --generations 2 --candidates 6 --dreams 2 --horizon 8 --select-every 1 --select-tracks 2"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """What the stages up to the world model leave behind."""
    home = tmp_path_factory.mktemp("by_hand")
    rollouts, vision, latents, memory, model = (
        str(home / name) for name in ("rollouts", "vision", "latents", "memory", "world_model")
    )
    run_command(collect, f"--folder {rollouts} {TINY} --episodes 10 --workers 0 --seed 0".split())
    run_command(
        train_vae, f"--rollouts {rollouts} --output {vision} {TINY} --vision.epochs 1 --vision.batch-size 16".split()
    )
    run_command(encode, f"--rollouts {rollouts} --latents {latents} --world-model {vision}/vision.npz".split())
    places = f"--latents {latents} --vision {vision}/vision.npz --output {memory} --world-model {model}"
    run_command(train_memory, f"{places} {TINY} --temperature 0.8 {SMALL_M}".split())
    return home


def test_the_stages_before_leave_a_world_model(home):
    model = WorldModel.load(home / "world_model")
    assert (model.task.name, model.latent_size, model.hidden_size) == ("tiny_game", 4, 8)
    assert (model.temperature, len(model.starts), model.starts.action.shape[1]) == (0.8, 8, 2)
    with np.load(home / "vision" / "vision.npz") as trained:
        np.testing.assert_array_equal(trained["mu_bias"], model.vision["mu_bias"])
    assert (home / "world_model" / "fidelity.png").is_file()


@pytest.mark.parametrize("env", ["dream", "real"])
def test_a_controller_is_evolved_scored_and_filmed(home, tmp_path, capsys, env):
    model, output = str(home / "world_model"), tmp_path / "controller"
    command = ["--world-model", model, "--output", str(output), *f"--env {env} {SMALL_C}".split()]
    run_command(train_controller, command)
    printed = capsys.readouterr().out
    assert "generation 1" in printed
    assert "selection episodes of the real game" in printed
    best = LinearController.load(output / "best.npz")
    assert (best.task, best.observation_size) == ("tiny_game", 12)
    assert {path.name for path in output.iterdir()} >= {
        "generation-0000.npz", "generation-0001.npz", "log.csv", "curves.png", "best.npz", "latest.npz",
    }  # fmt: skip
    assert len(list(csv.DictReader((output / "log.csv").read_text().splitlines()))) == 2

    before = (output / "generation-0001.npz").stat().st_mtime_ns
    run_command(train_controller, [*command, "--generations", "3"])
    assert (output / "generation-0002.npz").is_file()
    assert (output / "generation-0001.npz").stat().st_mtime_ns == before

    policy = ["--policy", str(output / "best.npz"), "--world-model", model]
    scores = tmp_path / "scores.json"
    run_command(
        evaluate, [*policy, "--env", env, "--episodes", "2", "--workers", "0", "--no-controls", "--output", str(scores)]
    )
    (row,) = load_evaluations(scores)
    assert (row.env, row.n, row.policy) == (env, 2, "controller")
    film = tmp_path / "film.gif"
    run_command(record, [*policy, "--env", "compare", "--steps", "3", "--scale", "1", "--output", str(film)])
    assert film.read_bytes()[:3] == b"GIF"


NOWHERE = {
    "no rollouts for V": (train_vae, "--rollouts {empty} --output {out}", "no episodes in"),
    "no rollouts for latents": (
        encode,
        "--rollouts {empty} --latents {out} --world-model {model}",
        "holds no episodes",
    ),
    "no V for latents": (
        encode,
        "--rollouts {rollouts} --latents {out} --world-model {empty}/v.npz",
        "v.npz",
    ),
    "no latents for M": (
        train_memory,
        "--latents {empty} --vision {vision} --output {out} --world-model {out}/w",
        "no latents in",
    ),
    "no V for M": (
        train_memory,
        "--latents {latents} --vision {empty}/v.npz --output {out} --world-model {out}/w",
        "v.npz is missing",
    ),
    "another V for M": (
        train_memory,
        "--latents {latents} --vision {other} --output {out} --world-model {out}/w",
        "10 of 10 files are bad",
    ),
    "no world model for C": (train_controller, "--world-model {empty}/w --output {out}", "neither a folder nor"),
    "half a world model for C": (
        train_controller,
        "--world-model {empty} --output {out}",
        "world_model.json is missing",
    ),
    "no controller to begin with": (
        train_controller,
        "--world-model {model} --output {out} --initial {empty}/c.npz",
        "c.npz does not exist",
    ),
    "no ensemble": (train_controller, "--world-model {model} --output {out} --members 2", "give both or neither"),
    "no member": (
        train_controller,
        "--world-model {model} --output {out} --members 2 --ensemble {empty}",
        "member-0/memory.npz is missing",
    ),
    "a wrong flag for V": (train_vae, "--rolouts {empty} --output {out}", "--rolouts"),
    "a wrong flag for M": (train_memory, "--memory.epoch 3", "--memory.epoch"),
    "a wrong flag for C": (train_controller, "--enw dream", "--enw"),
    "a wrong value": (train_controller, "--world-model {model} --output {out} --env dreams", "dreams"),
}


@pytest.mark.filterwarnings("ignore:skipped.* is stale")
@pytest.mark.parametrize("case", NOWHERE)
def test_what_is_missing_or_wrong_ends_in_words_and_a_code(home, tiny_world_model, tmp_path, capsys, case):
    script, words, expected = NOWHERE[case]
    (tmp_path / "empty").mkdir()
    places = {
        "empty": tmp_path / "empty",
        "out": tmp_path / "out",
        "model": home / "world_model",
        "vision": home / "vision" / "vision.npz",
        "rollouts": home / "rollouts",
        "latents": home / "latents",
        "other": tiny_world_model.save(tmp_path / "other") / "vision.npz",
    }
    command = [word.format(**places) for word in words.split()]
    if script in (train_vae, train_memory) and "wrong" not in case:
        command += TINY.split()
    with pytest.raises(SystemExit) as ended:
        run_command(script, command)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert expected in error
    assert "Traceback" not in error
    assert not (tmp_path / "out" / "w").exists()
