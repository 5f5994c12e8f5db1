"""The programs in agents/: they use public names only, and do what they say."""

import ast
from pathlib import Path

import numpy as np
import pytest

from agents import gradient
from agents.cma_es import Args, main
from dreamgym import Dreams, LinearController, imagine, linear_policy

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


def test_gradients_raise_the_return_in_the_dream(car_world_model, tmp_path, capsys):
    folder = str(car_world_model.save(tmp_path / "world_model"))
    args = gradient.Args(folder, output=tmp_path / "c.npz", dreams=16, horizon=20, updates=41, learning_rate=0.02)
    controller = gradient.train(args)
    assert "update 40: " in capsys.readouterr().out
    dreams = Dreams(64, horizon=20, temperature=0.5, seed=99)
    policy = linear_policy(car_world_model.task.head(car_world_model.codec, controller.head))
    rows = np.stack([np.zeros_like(controller.parameters), controller.parameters])
    before, after = imagine(car_world_model, policy, rows, dreams).returns.mean(axis=1)
    assert after > before + 0.2, "in dreams that it did not train in, too"
