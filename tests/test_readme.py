"""The README's code runs and its commands parse. What takes long is cut short."""

import importlib.util
import re
import runpy
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dreamgym.commands import main
from dreamgym.world_model_folder import PRETRAINED, pretrained_names

ROOT = Path(__file__).parents[1]
TEXTS = {name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "videos/README.md")}
SHORTER = {
    r"learn\([\d_]+\)": "learn(1)",
    r"n_steps=\d+": "n_steps=64",
    r"batch_size=\d+": "batch_size=64",
    r"num_envs=\d+": "num_envs=2",
    r"horizon=200, seed": "horizon=5, seed",
    r'EnvSettings\("real", world_model="car-racing"\)': 'EnvSettings("real", world_model="car-racing", max_steps=3)',
    "env, episodes=20": "env, episodes=2, workers=0",
}


def blocks(language: str, text: str = TEXTS["README.md"]) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the blocks run, one after the other: what one saves, the next one finds."""
    return tmp_path_factory.mktemp("reader")


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
    return [shlex.split(line)[1:] for line in lines if line.startswith("dreamgym ")]


@pytest.mark.parametrize("words", commands("\n".join(TEXTS.values())), ids=" ".join)
def test_commands_parse(words, monkeypatch):
    """The command is run up to its work."""
    module, parsed = import_module(f"dreamgym.commands.{words[0].replace('-', '_')}"), []
    monkeypatch.setattr(module, "run", parsed.append)
    main(words=words)
    assert isinstance(parsed[0], module.Args)


def test_links_lead_somewhere():
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_the_world_model_that_the_readme_names_ships_with_its_controller():
    assert pretrained_names() == ["car-racing"]
    assert (PRETRAINED / "car-racing" / "controller.npz").is_file()
