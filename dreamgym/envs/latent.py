"""WorldModelLatent-v0: the real game seen through V and M; it needs no TensorFlow."""

import dataclasses
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.envs.dream import METADATA, check_render_mode, check_steps, load_world_model
from dreamgym.errors import TaskError
from dreamgym.play import LatentFollower
from dreamgym.tasks import Renderer


class LatentEnv(gym.Env[np.ndarray, Any]):
    """The real game, observed as a dream is: ``[z, h]``.

    Each frame goes through V, ``z`` is drawn from its posterior, and M follows along; rewards, ends and ``info`` are
    the game's own. Observation and action spaces are those of :class:`dreamgym.envs.dream.DreamEnv` with the same
    world model, so that one agent runs in both. Reset options go to the game.

    Args:
        world_model: A folder, or a pretrained name; the first one that ships if None.
        renderer: ``fast`` plays the task's quicker env where it has one, ``stock`` the game as it is.
        max_episode_steps: Steps after which an episode is truncated; the task's horizon if None. ``gym.make`` keeps
            an argument of this name for its own ``TimeLimit``, which can shorten an episode but not lengthen it.
        render_mode: None, or ``rgb_array`` for the game's own picture.

    Attributes:
        frame: What V saw last, uint8 ``(64, 64, 3)``.

    Raises:
        WorldModelError: The world model is missing or broken, or an argument is out of range.
        TaskError: The game cannot be made, or is not the one the world model was trained on.
    """

    metadata = METADATA

    def __init__(
        self,
        world_model: str | Path | None = None,
        renderer: Renderer = "fast",
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ):
        if renderer not in ("fast", "stock"):
            raise TaskError(f"renderer is {renderer!r}, expected 'fast' or 'stock'")
        self.render_mode = check_render_mode(render_mode)
        self.world_model = load_world_model(world_model)
        task = self.world_model.task
        steps = check_steps(task.horizon if max_episode_steps is None else max_episode_steps)
        self.observation_space = self.world_model.observation_space
        self.action_space = self.world_model.action_space
        self._task, self._codec = task, self.world_model.codec
        self._follower = LatentFollower(self.world_model)
        self._game = dataclasses.replace(task, horizon=steps).make_env(renderer, render_mode)
        self.metadata = METADATA | {"render_fps": self._game.metadata.get("render_fps", METADATA["render_fps"])}
        if self._game.action_space != self.action_space:
            raise TaskError(
                f"task {task.name!r}: the game takes {self._game.action_space}, the world model was trained on "
                f"{self.action_space}; use the game it was trained on, or train it again"
            )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode; the game gets the same seed, and V's noise comes from ``np_random``."""
        super().reset(seed=seed)
        observation, info = self._game.reset(seed=seed, options=options)
        self.frame = self._task.frame(observation)
        return self._follower.reset(self.frame, self.np_random), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Plays one step of the game.

        Raises:
            ActionError: The action holds NaN or is not of the space's shape.
        """
        code = self._codec.encode(action)
        observation, reward, terminated, truncated, info = self._game.step(self._codec.decode(code))
        self.frame = self._task.frame(observation)
        return self._follower.step(self.frame, code), float(reward), bool(terminated), bool(truncated), info

    def render(self) -> Any:
        """The game's picture, uint8 ``(height, width, 3)``; None without a render mode."""
        if self.render_mode is None:
            gym.logger.warn("render was called without a render mode; make the env with render_mode='rgb_array'")
            return None
        return self._game.render()

    def close(self) -> None:
        """Closes the game."""
        self._game.close()
