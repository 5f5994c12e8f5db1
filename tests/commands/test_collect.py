import subprocess
import sys

import pytest

from dreamgym.commands import collect, encode
from dreamgym.data.episodes import list_episodes
from tests.commands import run_command

TINY = ["--task", "tests.tiny_game:TINY_TASK"]


def test_from_the_game_to_latents(tmp_path, tiny_world_model, capsys):
    rollouts, latents = tmp_path / "rollouts", tmp_path / "latents"
    collecting = ["--folder", str(rollouts), *TINY, "--episodes", "3", "--workers", "0", "--random-starts", "0"]
    run_command(collect, [*collecting, "--policy", "random", "--episode-length", "5", "--seed", "0"])
    assert "3 episodes, 0 kept, 3 made" in capsys.readouterr().out
    assert len(list_episodes(rollouts)) == 3
    model = tiny_world_model.save(tmp_path / "model")
    for vision in (model, model / "vision.npz"):
        encoding = ["--rollouts", str(rollouts), "--latents", str(latents), "--world-model", str(vision)]
        run_command(encode, encoding)
    out = capsys.readouterr().out
    assert "0 kept, 3 made" in out
    assert "3 kept, 0 made" in out


def test_an_error_is_one_line_and_a_code(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(collect, ["--folder", str(tmp_path), "--task", "nonsense"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: task 'nonsense' is not registered")
    assert error.count("\n") == 1


def test_it_finds_a_task_in_the_folder_it_is_run_from(tmp_path):
    (tmp_path / "my_game.py").write_text("from tests.tiny_game import TINY_TASK as MINE\n")
    command = [sys.executable, "-m", "dreamgym", "collect", "rollouts", "--task", "my_game:MINE"]
    command += ["--episodes", "2", "--workers", "1", "--policy", "random"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert len(list_episodes(tmp_path / "rollouts")) == 2
