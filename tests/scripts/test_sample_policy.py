import subprocess
import sys
from pathlib import Path

import pytest

from dreamgym.data.episodes import list_episodes
from scripts import sample_latent_stats, sample_policy

TINY = ["--task", "tests.tiny_game:TINY_TASK"]


def test_the_road_from_the_game_to_latents(tmp_path, tiny_world_model, capsys):
    rollouts, latents = tmp_path / "rollouts", tmp_path / "latents"
    collecting = ["--folder", str(rollouts), *TINY, "--episodes", "3", "--workers", "0", "--no-random-starts"]
    sample_policy.main([*collecting, "--policy", "random", "--episode-length", "5", "--seed", "0"])
    assert "3 episodes, 0 kept, 3 made" in capsys.readouterr().out
    assert len(list_episodes(rollouts)) == 3
    model = tiny_world_model.save(tmp_path / "model")
    for vision in (model, model / "vision.npz"):
        encoding = ["--rollouts", str(rollouts), "--latents", str(latents), "--world-model", str(vision)]
        sample_latent_stats.main(encoding)
    out = capsys.readouterr().out
    assert "0 kept, 3 made" in out
    assert "3 kept, 0 made" in out


def test_an_error_is_one_line_and_a_code(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        sample_policy.main(["--folder", str(tmp_path), "--task", "nonsense"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: task 'nonsense' is not registered")
    assert error.count("\n") == 1


def test_run_as_a_file_it_finds_a_task_in_the_folder_it_is_run_from(tmp_path):
    (tmp_path / "my_game.py").write_text("from tests.tiny_game import TINY_TASK as MINE\n")
    command = [sys.executable, sample_policy.__file__, "--folder", "rollouts", "--task", "my_game:MINE"]
    command += ["--episodes", "2", "--workers", "1", "--policy", "random"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert len(list_episodes(tmp_path / "rollouts")) == 2


@pytest.mark.parametrize("script", [sample_policy, sample_latent_stats])
def test_help_explains_every_flag(script, capsys):
    with pytest.raises(SystemExit) as end:
        script.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    fields = script.Args.__dataclass_fields__
    assert all(f"--{name.replace('_', '-')}" in text for name in fields)
    assert Path(script.__file__).read_text().count('"""') >= 2 * (len(fields) + 2)
