"""The README's code runs and its commands parse, so that nobody types what no longer works.

Where the world model that it names does not ship yet, an untrained one takes its place; what takes long is cut short.
"""

import importlib.util
import re
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tyro

import dreamgym
from dreamgym.world_model import PRETRAINED
from scripts import pipeline

ROOT = Path(__file__).parents[1]
TEXTS = {name: (ROOT / name).read_text() for name in ("README.md", "videos/README.md")}
SHIPPED = {path.parent.name for path in PRETRAINED.glob("*/world_model.json")}
SHORTER = {
    r"learn\([\d_]+\)": "learn(1)",
    r"n_steps=\d+": "n_steps=64",
    r"batch_size=\d+": "batch_size=64",
    r"num_envs=\d+": "num_envs=2",
    r"horizon=200, seed": "horizon=5, seed",
    'env="real", world_model="car-racing", episodes=20': (
        'env="real", world_model="car-racing", episodes=2, max_steps=3, workers=0'
    ),
}


def blocks(language: str, text: str = TEXTS["README.md"]) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def home(car_world_model, tmp_path_factory):
    """Where the blocks run, one after the other: what one saves, the next one finds."""
    home = tmp_path_factory.mktemp("reader")
    if SHIPPED:
        return home
    folder = car_world_model.save(home / "car-racing")
    size = 2 * (car_world_model.latent_size + car_world_model.hidden_size + 1)
    controller = dreamgym.LinearController(np.zeros(size), "car_racing", car_world_model.codec, "steer_calmly")
    controller.save(folder / "controller.npz")
    return home


def prepared(block: str) -> str:
    for pattern, shorter in SHORTER.items():
        block = re.sub(pattern, shorter, block)
    return block


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_runs(number, home, monkeypatch):
    block = prepared(blocks("python")[number])
    if "stable_baselines3" in block or "ppo.zip" in block:
        pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(home)
    name = re.match(r"# (\w+\.py)\n", block)
    path = home / (name[1] if name else f"block_{number}.py")
    path.write_text(block)
    if re.search(r"^import gym$", block, re.MULTILINE):
        if importlib.util.find_spec("gym") is None:
            pytest.skip("needs the extra dreamgym[gym]")
        subprocess.run([sys.executable, path.name], cwd=home, check=True, timeout=60)  # which warns as it is imported
    else:
        runpy.run_path(str(path), run_name="__main__")


def commands(text: str) -> list[list[str]]:
    lines = [line for block in blocks("bash", text) for line in block.splitlines()]
    return [line.split()[2:] for line in lines if line.startswith("python -m ")]


@pytest.mark.parametrize("words", commands("\n".join(TEXTS.values())), ids=" ".join)
def test_commands_parse(words):
    module, *arguments = words
    assert module.startswith("scripts.")
    if module == "scripts.pipeline":
        assert pipeline.parse(arguments).preset in ("quick", "laptop", "paper")
    else:
        assert tyro.cli(import_module(module).Args, args=arguments)


def test_links_lead_somewhere():
    known_to_come = {"videos/real-reconstruction-dream.gif"}
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert target in known_to_come or (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_the_world_model_that_the_readme_names_is_the_one_that_ships():
    assert {"car-racing"} >= SHIPPED
    for name in SHIPPED:
        assert (PRETRAINED / name / "controller.npz").is_file()
