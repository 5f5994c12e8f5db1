"""The code of README and of the pages in docs/ runs, and their commands parse. What takes long is cut short."""

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
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "videos/README.md")] + sorted(ROOT.glob("docs/*.md"))
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
NOTEBOOK = ROOT / "docs" / "dream.ipynb"
SHORTER = {
    r"learn\([\d_]+\)": "learn(1)",
    r"n_steps=\d+": "n_steps=64",
    r"batch_size=\d+": "batch_size=64",
    r"num_envs=\d+": "num_envs=2",
    r"horizon=200, (seed|temperature)": r"horizon=5, \1",
    r"generation in range\(\d+\)": "generation in range(2)",
    r"trial in range\(\d+\)": "trial in range(2)",
    r'EnvSettings\("real", world_model="car-racing"\)': 'EnvSettings("real", world_model="car-racing", max_steps=3)',
    "env, episodes=20": "env, episodes=2, workers=0",
}
AMOUNTS = "generations, candidates, dreams_each, horizon = 2, 4, 2, 5\nreal_episodes, real_steps = 2, 10"


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


PROGRAMS = [(name, number) for name, text in TEXTS.items() for number in range(len(blocks("python", text)))]


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Where the blocks of a page run, one after the other: what one saves, the next one finds."""
    return {name: tmp_path_factory.mktemp(Path(name).stem) for name in TEXTS}


def prepared(block: str) -> str:
    for pattern, shorter in SHORTER.items():
        block = re.sub(pattern, shorter, block)
    return block


@pytest.mark.parametrize(("page", "number"), PROGRAMS)
def test_python_runs(page, number, homes, monkeypatch):
    block, home = prepared(blocks("python", TEXTS[page])[number]), homes[page]
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
    lines = [line for block in blocks("bash", text) for line in block.replace("\\\n", " ").splitlines()]
    split = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("dreamgym ")]
    return [words[:-1] if words[-1] == "&" else words for words in split]  # which runs it in the background


COMMANDS = {" ".join(words): words for words in commands("\n".join(TEXTS.values()))}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_commands_parse(words, monkeypatch):
    """The command is run up to its work."""
    module, parsed = import_module(f"dreamgym.commands.{words[0].replace('-', '_')}"), []
    monkeypatch.setattr(module, "run", parsed.append)
    main(words=words)
    assert isinstance(parsed[0], module.Args)


def test_the_notebook_runs_with_small_amounts_and_is_kept_with_small_results(tmp_path):
    nbclient = pytest.importorskip("nbclient", reason="needs the extra dreamgym[docs]")
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (amounts,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    assert all(cell.outputs for cell in notebook.cells if "print(" in cell.source and cell.cell_type == "code")
    assert NOTEBOOK.stat().st_size < 300_000
    amounts.source = AMOUNTS
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert "80 dream steps" in printed
    assert re.search(r"this notebook +-?\d+ ± \d+ +-?\d+ ± \d+", printed)
    assert printed.count("±") == 6


def test_links_lead_somewhere():
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_the_front_page_is_short():
    assert len(TEXTS["README.md"].splitlines()) <= 200


def test_the_world_models_that_the_readme_names_ship_with_their_controllers():
    assert pretrained_names() == ["car-racing", "take-cover"]
    for name in pretrained_names():
        assert name in TEXTS["README.md"]
        assert (PRETRAINED / name / "controller.npz").is_file()
