"""Drives of games small enough to count every step of."""

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.play.resolve import resolve
from dreamgym.play.settings import EnvSettings
from tests.conftest import random_world_model
from tests.counting_game import COUNTING_TASK


@pytest.fixture(scope="session")
def counting_folder(tmp_path_factory):
    """A world model of the counting game, three steps of which are a decision. Its dreams do not end."""
    space = gym.spaces.Box(-1, 1, (2,), np.float32, seed=0)
    model = random_world_model(COUNTING_TASK, space, COUNTING_TASK.hidden_size)
    model.memory.head_bias[-1] = -30
    return str(model.replace(frame_skip=3, render_fps=10.0).save(tmp_path_factory.mktemp("counting") / "world_model"))


@pytest.fixture
def counting(counting_folder):
    """Who plays the counting game."""
    return resolve("random", EnvSettings(world_model=counting_folder))


@pytest.fixture
def tiny(tiny_folder):
    """Who plays the tiny game."""
    return resolve("random", EnvSettings(world_model=tiny_folder))
