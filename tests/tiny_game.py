"""A pixel game small enough to learn in seconds: a square in a corridor that Discrete actions push about.

The square starts in the middle; touching the right wall pays 1 and ends the game, the left wall ends it for nothing.
"""

import dataclasses
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionHead
from dreamgym.games.take_cover.task import left_stay_right
from dreamgym.tasks import Task, register_task

WIDTH = 9
TINY_ID = "dreamgym_tests/TinyGame-v0"


class TinyGame(gym.Env):
    """A Dict observation with the picture under ``screen``, 32x36 pixels, and the square's place beside it."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Dict(
            screen=gym.spaces.Box(0, 255, (32, 36, 3), np.uint8), place=gym.spaces.Discrete(WIDTH)
        )
        self.action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place = WIDTH // 2 + int(self.np_random.integers(-1, 2))
        self.colour = int(self.np_random.integers(100, 256))
        return self._observe(), {}

    def step(self, action: int):
        self.place = int(np.clip(self.place + int(action) - 1, 0, WIDTH - 1))
        won, lost = self.place == WIDTH - 1, self.place == 0
        return self._observe(), float(won), won or lost, False, {}

    def render(self):
        return self._observe()["screen"]

    def _observe(self):
        screen = np.zeros((32, 36, 3), np.uint8)
        screen[8:24, 4 * self.place : 4 * self.place + 4] = (self.colour, 255 - self.colour, 200)
        return {"screen": screen, "place": self.place}


if TINY_ID not in gym.registry:
    gym.register(TINY_ID, entry_point=TinyGame)

TINY_TASK = register_task(
    Task(
        name="tiny_game",
        env_id=TINY_ID,
        frame_key="screen",
        horizon=20,
        latent_size=4,
        hidden_size=8,
        n_mixtures=2,
    )
)

TINY_CELL_TASK = register_task(
    dataclasses.replace(
        TINY_TASK,
        name="tiny_cell",
        action_heads={"thirds": ActionHead(1, left_stay_right, bias=False)},
        observes_cell=True,
    )
)
"""The same game, whose policies also observe M's cell state, for controllers without a bias."""
