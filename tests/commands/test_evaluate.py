"""``dreamgym evaluate``, from its words to its file."""

import numpy as np
import pytest

from dreamgym.commands import evaluate
from dreamgym.evaluation.scores import load_evaluations
from dreamgym.policies.controller import LinearController
from tests.commands import run_command

TINY = "tests.tiny_game:TINY_TASK"


@pytest.fixture
def controller(tiny_world_model, tmp_path):
    size = LinearController.zeros(tiny_world_model).parameters.size
    parameters = np.linspace(-1, 1, size, dtype=np.float32)
    return LinearController(parameters, "tiny_game", tiny_world_model.codec).save(tmp_path / "controller.npz")


def test_a_controller_is_scored_with_its_controls(tiny_world_model, controller, tmp_path, capsys):
    folder = tiny_world_model.save(tmp_path / "world_model")
    output = tmp_path / "scores.json"
    words = f"--policy {controller} --world-model {folder} --episodes 4 --workers 0 --output {output}"
    run_command(evaluate, words.split())
    rows = load_evaluations(output)
    assert [row.label for row in rows] == ["controller", "random", "constant 2", "controller, untrained M"]
    assert {row.env for row in rows} == {"real"}
    assert len({tuple(row.seeds) for row in rows}) == 1
    printed = capsys.readouterr().out
    assert "untrained M" in printed
    assert str(output) in printed.replace("\n", "")


def test_the_file_has_its_usual_name_and_controls_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_command(
        evaluate, ["--policy", "constant:2", "--task", TINY, "--episodes", "3", "--workers", "1", "--no-controls"]
    )
    (row,) = load_evaluations(tmp_path / "evaluation" / "real-3.json")
    assert row.mean == 1.0


def test_a_policy_that_is_not_there_ends_in_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(evaluate, ["--policy", "nobody.npz", "--task", TINY])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "nobody.npz does not exist" in message
    assert "Traceback" not in message


def test_the_world_model_beside_a_controller_is_found(tiny_world_model, controller, tmp_path):
    """By the policy's name alone, in a new process that does not know the task: an export, and an experiment."""
    exported = tiny_world_model.save(tmp_path / "exported")
    policy = controller.rename(exported / "controller.npz")
    output = tmp_path / "scores.json"
    run_command(
        evaluate, [str(policy), *f"--env dream --episodes 2 --workers 0 --no-controls --output {output}".split()]
    )
    (row,) = load_evaluations(output)
    assert row.world_model == str(exported)


def test_another_programs_config_does_no_harm(tiny_world_model, controller, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    exported = tiny_world_model.save(tmp_path / "exported")
    policy, output = controller.rename(exported / "controller.npz"), tmp_path / "scores.json"
    words = [str(policy), *f"--env dream --episodes 1 --workers 0 --no-controls --output {output}".split()]
    run_command(evaluate, words)
    assert load_evaluations(output)[0].world_model == str(exported)


def test_random_plays_the_car_unless_told_otherwise(tmp_path):
    output = tmp_path / "scores.json"
    words = "random --max-steps 3 --episodes 1 --workers 0 --no-controls --output"
    run_command(evaluate, [*words.split(), str(output)])
    (row,) = load_evaluations(output)
    assert (row.task, row.env_id, row.lengths) == ("car_racing", "CarRacing-v3", [3])
    run_command(evaluate, [*words.split(), str(output), "--renderer", "fast"])
    assert load_evaluations(output)[0].env_id == "FastCarRacing-v0"


@pytest.mark.parametrize("words", ["--episodes 0", "--seed -1", "--max-steps 0", "--env dreams", "--temperature nan"])
def test_settings_are_checked_where_they_are_read(capsys, words):
    with pytest.raises(SystemExit) as ended:
        run_command(evaluate, ["random", *words.split()])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert words.split()[0].lstrip("-") in message
    assert "Traceback" not in message
