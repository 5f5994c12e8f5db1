"""What people install: the wheel holds dreamgym alone, all of it, and works far from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import dreamgym

ROOT = Path(__file__).parents[1]

ELSEWHERE = """
import sys
from pathlib import Path

site, checkout, world_model, controller = sys.argv[1:]
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(checkout)]

import gymnasium as gym

env = gym.make("dreamgym:WorldModelDream-v0", world_model=world_model, render_mode="rgb_array")
observation, _ = env.reset(seed=0)
action = env.action_space.sample()
observation, reward, terminated, truncated, info = env.step(action)
assert env.observation_space.contains(observation)
assert env.render().shape == (256, 256, 3)
assert "tensorflow" not in sys.modules

import dreamgym

assert Path(dreamgym.__file__).is_relative_to(site), dreamgym.__file__
known = dreamgym.LinearController.load(controller)
assert env.action_space.contains(known(observation))
for name in ("agents", "scripts", "tests"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise AssertionError(f"{name} is importable; the test proves nothing")
scored = dreamgym.evaluate(controller, env="dream", world_model=world_model, episodes=2, max_steps=5, workers=0)
assert max(scored.lengths) == 5, scored.lengths
print(f"scored {scored.n} dreams")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_all_of_dreamgym_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        described = archive.read(metadata).decode()
        (points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "dreamgym.envs.legacy_gym:register_envs" in archive.read(points).decode()
    held = {name for name in names if ".dist-info/" not in name}
    package = [path for path in (ROOT / "dreamgym").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert held == {path.relative_to(ROOT).as_posix() for path in package if not path.name.startswith(".")}
    assert "dreamgym/py.typed" in held
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert f"Version: {dreamgym.__version__}" in described
    for extra in ("sb3", "gym"):
        assert f"Provides-Extra: {extra}" in described
    assert "Requires-Python: <3.14,>=3.11" in described


def test_the_wheel_dreams_and_scores_far_from_the_checkout(wheel, car_world_model, tmp_path):
    site, away = tmp_path / "site", tmp_path / "away"
    away.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], cwd=away, check=True, capture_output=True, timeout=120)
    assert {path.name for path in site.iterdir() if ".dist-info" not in path.name} == {"dreamgym"}

    world_model = car_world_model.save(tmp_path / "world_model")
    size = 2 * (car_world_model.latent_size + car_world_model.hidden_size + 1)
    controller = dreamgym.LinearController(np.zeros(size), "car_racing", car_world_model.codec, "steer_calmly")
    controller.save(tmp_path / "controller.npz")
    program = away / "elsewhere.py"
    program.write_text(ELSEWHERE)
    command = [sys.executable, program, site, ROOT, world_model, tmp_path / "controller.npz"]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=away,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "scored 2 dreams" in done.stdout
