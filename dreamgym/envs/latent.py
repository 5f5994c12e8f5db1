"""WorldModelLatent-v0: the real game with the observations of the dream. It does not load TensorFlow."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import EzPickle

from dreamgym.envs import arguments
from dreamgym.envs.copies import WholeCopies
from dreamgym.envs.follower import BatchFollower
from dreamgym.envs.loading import load_world_model
from dreamgym.errors import TaskError
from dreamgym.running.checks import check_choice
from dreamgym.tasks import Renderer


class LatentEnv(WholeCopies, gym.Env[np.ndarray, Any]):
    """The real game with observations ``[z, h]``, or ``[z, h, c]`` where the task observes M's cell state.

    V encodes each frame, ``z`` is sampled from the posterior, and ``h`` is M's state after the previous latents and
    actions. A step is a decision, which lasts as many steps of the game as the world model's ``frame_skip``. Rewards,
    ``terminated``, ``truncated`` and ``info`` are the game's, and reset options are passed to it. The spaces are those
    of :class:`dreamgym.envs.dream.DreamEnv` with the same world model, so one agent runs in both.

    A copy or pickle made in mid-episode plays on with the same numbers if the game's copy does. A game that is an
    ``EzPickle``, such as the car racing, is made anew in a copy, and the copy must be reset before it is stepped.

    Args:
        world_model: A folder or a pretrained name; None is the first pretrained world model.
        renderer: ``fast`` plays the task's ``fast_env_id`` if it has one, ``stock`` plays its ``env_id``.
        max_episode_steps: Steps after which an episode is truncated; None is the task's horizon. ``gym.make`` does not
            pass an argument of this name on: it adds a ``TimeLimit``, which can shorten an episode but not lengthen it.
        render_mode: None, or ``rgb_array`` for the game's picture.

    Attributes:
        frame: The last frame that V encoded, uint8 ``(64, 64, 3)``.

    Raises:
        WorldModelError: The world model is missing or broken.
        TaskError: The task is not registered, the game cannot be made, or its actions are not the world model's.
        SettingsError: ``renderer``, ``max_episode_steps`` or ``render_mode`` is not valid.
    """

    metadata = arguments.METADATA

    def __init__(
        self,
        world_model: str | Path | None = None,
        *,
        renderer: Renderer = "fast",
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ):
        check_choice("renderer", renderer, ("fast", "stock"))
        self.render_mode = arguments.check_render_mode(render_mode)
        self.world_model = load_world_model(world_model)
        task = self.world_model.task
        skip, horizon = self.world_model.frame_skip, None
        if max_episode_steps is not None:
            horizon = arguments.episode_steps(max_episode_steps, self.world_model) * skip
        self._begun = False
        self.observation_space = self.world_model.observation_space
        self.action_space = self.world_model.action_space
        self._task, self._codec = task, self.world_model.codec
        self._follower = BatchFollower(self.world_model)
        self._game = task.make_env(renderer, render_mode, frame_skip=skip, max_steps=horizon)
        self.metadata = arguments.METADATA | {"render_fps": self._game.metadata["render_fps"]}
        if self._game.action_space != self.action_space:
            self._game.close()
            raise TaskError(
                f"task {task.name!r}: the game's actions are {self._game.action_space}, the world model was trained on "
                f"{self.action_space}; use the game that it was trained on, or train it again"
            )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts an episode. The seed is passed to the game, and also seeds the generator that samples ``z``."""
        super().reset(seed=seed)
        observation, info = self._game.reset(seed=seed, options=options)
        self.frame, self._begun = self._task.frame(observation), True
        return self._follower.reset(self.frame[None], [self.np_random])[0], info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Plays one step of the game. A Box action outside its bounds is clipped.

        Raises:
            ActionError: The action holds NaN, has another shape, or is not in a Discrete space.
            ResetNeeded: The env was not reset, or is a copy whose game was made anew.
        """
        if not self._begun:
            raise gym.error.ResetNeeded("step was called before reset; call env.reset() first")
        code = self._codec.encode(action)
        observation, reward, terminated, truncated, info = self._game.step(self._codec.decode(code))
        self.frame = self._task.frame(observation)
        latent = self._follower.step(self.frame[None], code[None])[0]
        return latent, float(reward), bool(terminated), bool(truncated), info

    def render(self) -> Any:
        """Returns the game's picture, uint8 ``(height, width, 3)``.

        Without a render mode it warns and returns None.
        """
        if self.render_mode is None:
            arguments.warn_without_render_mode()
            return None
        if not self._begun:
            raise gym.error.ResetNeeded("render was called before reset; call env.reset() first")
        return self._game.render()

    def close(self) -> None:
        """Closes the game."""
        self._game.close()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if isinstance(self._game.unwrapped, EzPickle):
            state["_begun"] = False
            state.pop("frame", None)
        return state
