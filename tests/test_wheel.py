"""What people install: the wheel holds all of dreamgym, and everything works with it alone, far from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import dreamgym
from dreamgym.evaluation.scores import load_evaluations
from tests.commands.test_pipeline import TINY

ROOT = Path(__file__).parents[1]


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
        entry_points = archive.read(points).decode()
    assert "dreamgym.envs.legacy_gym:register_envs" in entry_points
    assert "dreamgym = dreamgym.commands:main" in entry_points
    held = {name for name in names if ".dist-info/" not in name}
    package = [path for path in (ROOT / "dreamgym").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert held == {path.relative_to(ROOT).as_posix() for path in package if not path.name.startswith(".")}
    assert "dreamgym/py.typed" in held
    for name in ("car-racing", "take-cover"):
        assert f"dreamgym/pretrained/{name}/controller.npz" in held
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert f"Version: {dreamgym.__version__}" in described
    for extra in ("sb3", "gym", "games", "onnx", "web"):
        assert f"Provides-Extra: {extra}" in described
    assert "Requires-Python: <3.14,>=3.11" in described


@pytest.fixture(scope="module")
def run(wheel, tmp_path_factory):
    """Runs a program of a new environment that has the wheel and its dependencies, in a folder with a game."""
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "env", with_pip=False)
    programs = home / "env" / ("Scripts" if os.name == "nt" else "bin")
    (site,) = (home / "env").glob("**/site-packages")
    install = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--no-index", str(wheel)], cwd=home, check=True, capture_output=True, timeout=120)
    # The dependencies come from this suite's own environment. Its .pth files, and so the checkout, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.copy(ROOT / "tests" / "tiny_game.py", home / "tiny_game.py")
    shutil.copy(ROOT / "agents" / "ppo.py", home / "ppo.py")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DREAMGYM_HOME")}

    def run_program(*words, code=0):
        command = [str(programs / words[0]), *map(str, words[1:])]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert str(site) in run_program("python", "-c", "import dreamgym; print(dreamgym.__file__)")
    for name in ("agents", "scripts", "tests"):
        assert "ModuleNotFoundError" in run_program("python", "-c", f"import {name}", code=1)
    return run_program


@pytest.mark.slow
def test_a_tiny_pipeline_runs_with_the_wheel_alone(run, tmp_path):
    experiment, exported = tmp_path / "tiny", tmp_path / "exported"
    settings = [word.replace("tests.tiny_game", "tiny_game") for word in TINY]
    settings += ["--rounds=0", "--controller.members=1"]
    assert "trained in the dream" in run("dreamgym", "pipeline", "--experiment", experiment, *settings)
    assert "next: dreamgym record" in run("dreamgym", "status", experiment)
    best, scores = experiment / "controller" / "best.npz", tmp_path / "scores.json"
    run("dreamgym", "evaluate", best, "--episodes", 2, "--workers", 1, "--output", scores)
    assert load_evaluations(scores)[0].task == "tiny_game"
    run("dreamgym", "record", best, "--steps", 3, "--output", tmp_path / "film.gif")
    run("dreamgym", "export", experiment, "--output", exported)
    run("dreamgym", "evaluate", exported, "--task", "tiny_game:TINY_TASK", "--env", "dream", "--episodes", 2)
    assert (tmp_path / "film.gif").stat().st_size > 500


def test_the_pretrained_world_model_ships_and_ppo_trains_in_it(run, tmp_path):
    pytest.importorskip("stable_baselines3")
    agent = tmp_path / "ppo.zip"
    words = ["--world-model", "car-racing", "--output", agent, "--steps", 64, "--num-envs", 2, "--rollout-steps", 32]
    run("python", "ppo.py", *words, "--batch-size", 32)
    assert agent.exists()
    words = ["--world-model", "car-racing", "--env", "dream", "--episodes", 1, "--max-steps", 5, "--workers", 0]
    assert "ppo" in run("dreamgym", "evaluate", agent, *words, "--no-controls")
    assert "controller" in run("dreamgym", "evaluate", "car-racing", *words[2:], "--no-controls")
