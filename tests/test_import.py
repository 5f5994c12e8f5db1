"""What importing dreamgym costs, and what it must not load; each in a fresh process."""

import subprocess
import sys
from pathlib import Path

import pytest

import dreamgym

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "keras", "numba", "cv2", "matplotlib", "imageio", "rich", "tyro", "cma", "stable_baselines3"}


def modules_after(program: str, *arguments: object) -> set[str]:
    report = "\nimport sys; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", program + report, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_adds_next_to_nothing_to_gymnasium():
    added = modules_after("import dreamgym") - modules_after("import gymnasium, importlib, pkgutil")
    assert {name for name in added if not name.startswith("dreamgym")} == set()
    assert {name for name in added if name.startswith("dreamgym")} == {
        "dreamgym",
        "dreamgym.games",
        "dreamgym.games.car_racing",
        "dreamgym.games.take_cover",
    }


def test_a_dream_is_made_and_stepped_without_tensorflow(car_world_model, tmp_path):
    program = """
import sys, gymnasium
env = gymnasium.make("dreamgym:WorldModelDream-v0", world_model=sys.argv[1])
env.reset(seed=0)
env.step(env.action_space.sample())
"""
    loaded = modules_after(program, car_world_model.save(tmp_path / "world_model"))
    assert "dreamgym.envs.dream" in loaded
    assert loaded & HEAVY == set()


def test_the_game_is_seen_and_a_dream_drawn_without_tensorflow(tiny_world_model, tmp_path):
    program = """
import sys, gymnasium, tests.tiny_game
for name in ("WorldModelLatent-v0", "WorldModelDream-v0"):
    env = gymnasium.make("dreamgym:" + name, world_model=sys.argv[1], render_mode="rgb_array")
    env.reset(seed=0)
    env.step(1)
    env.render()
"""
    loaded = modules_after(program, tiny_world_model.save(tmp_path / "world_model"))
    assert loaded & {"tensorflow", "keras"} == set()


def test_every_public_name_is_there():
    for name in dreamgym.__all__:
        assert getattr(dreamgym, name) is not None
    assert set(dreamgym.__all__) <= set(dir(dreamgym))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="DreamEnv"):
        _ = dreamgym.Dream
