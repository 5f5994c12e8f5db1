"""The script, from its words to its file."""

import numpy as np
import pytest

from dreamgym.policies import LinearController
from dreamgym.scores import load_evaluations
from scripts import evaluate

TINY = "tests.tiny_game:TINY_TASK"


@pytest.fixture
def controller(tiny_world_model, tmp_path):
    size = 3 * (tiny_world_model.latent_size + tiny_world_model.hidden_size + 1)
    parameters = np.linspace(-1, 1, size, dtype=np.float32)
    return LinearController(parameters, "tiny_game", tiny_world_model.codec).save(tmp_path / "controller.npz")


def test_a_controller_is_scored_with_its_controls(tiny_world_model, controller, tmp_path, capsys):
    folder = tiny_world_model.save(tmp_path / "world_model")
    output = tmp_path / "scores.json"
    words = f"--policy {controller} --world-model {folder} --episodes 4 --workers 0 --output {output}"
    evaluate.main(words.split())
    rows = load_evaluations(output)
    assert [row.label for row in rows] == ["controller", "random", "constant 2", "controller, untrained M"]
    assert {row.env for row in rows} == {"real"}
    assert len({tuple(row.seeds) for row in rows}) == 1
    printed = capsys.readouterr().out
    assert "untrained M" in printed
    assert str(output) in printed.replace("\n", "")


def test_the_file_has_its_usual_name_and_controls_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate.main(["--policy", "constant:2", "--task", TINY, "--episodes", "3", "--workers", "1", "--no-controls"])
    (row,) = load_evaluations(tmp_path / "evaluation" / "real-3.json")
    assert row.mean == 1.0


def test_a_policy_that_is_not_there_ends_in_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--policy", "nobody.npz", "--task", TINY])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "nobody.npz does not exist" in message
    assert "Traceback" not in message


def test_help_explains_every_flag(capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--policy", "--env", "--world-model", "--episodes", "--seed", "--workers", "--controls", "--output"):
        assert flag in text
    assert "full length" in text
