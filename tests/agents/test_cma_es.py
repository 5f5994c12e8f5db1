"""The programs in agents/: they use public names only, and do what they say."""

import ast
from pathlib import Path

import pytest

from agents.cma_es import Args, main
from dreamgym import LinearController

AGENTS = Path(__file__).parents[2] / "agents"


@pytest.mark.parametrize("path", sorted(AGENTS.glob("*.py")), ids=lambda path: path.stem)
def test_agents_use_public_names_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.startswith("dreamgym.") for name in names), names


def test_cma_es_evolves_and_scores_a_controller(tiny_folder, tmp_path, capsys):
    path = tmp_path / "controller.npz"
    args = Args(tiny_folder, output=path, candidates=6, dreams=2, horizon=5, generations=2, episodes=3, workers=0)
    main(args)
    first = LinearController.load(path).parameters
    printed = capsys.readouterr().out
    assert "generation 1" in printed
    assert "over 3 episodes" in printed
    main(args)
    assert (LinearController.load(path).parameters == first).all(), "the seed decides everything"
    assert first.any()
