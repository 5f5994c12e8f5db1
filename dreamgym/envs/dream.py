"""WorldModelDream-v0: one dream of a world model as an env. It runs in NumPy and does not load TensorFlow."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.dream.noise import NOISE_BLOCK, DreamNoise
from dreamgym.dream.single_stepper import SingleStepper
from dreamgym.dream.starts import start_dreams
from dreamgym.envs import arguments
from dreamgym.envs.copies import WholeCopies
from dreamgym.envs.loading import load_world_model
from dreamgym.running.threads import one_thread

RENDER_SIZE = 256


class DreamEnv(WholeCopies, gym.Env[np.ndarray, Any]):
    """The dream of a world model.

    Observations are ``[z, h]``, float32 of shape ``(Z + H,)``, or ``[z, h, c]`` where the task observes M's cell state.
    The action space is the game's. The reward of a step is ``price * target + step_cost``, where M predicts the target
    and the task has price and step cost. ``terminated`` is whether M's done logit is above 0. The env truncates
    episodes itself, after ``max_episode_steps``.

    After a step ``info`` holds ``target``, ``target_reward`` (``price * target``), ``step_reward`` (``step_cost``),
    ``done_logit`` and ``start`` (the index of the dream's start). After a reset it holds ``start``.

    A copy or pickle made in mid-episode dreams on with the same numbers.

    Reset options: ``start`` (an index; drawn if absent), ``temperature`` (for this dream only), and ``state``, with
    which the dream begins instead of a start: M's ``(z, h, c)``, float32 of shapes ``(Z,)``, ``(H,)`` and ``(H,)``,
    such as ``dreamgym.envs.follower.BatchFollower`` has of the real game. ``start`` in ``info`` is then -1.

    Example:
        >>> env = gym.make("WorldModelDream-v0", world_model="path/to/world_model")  # doctest: +SKIP
        >>> observation, info = env.reset(seed=0, options={"start": 3, "temperature": 0.5})  # doctest: +SKIP

    Args:
        world_model: A folder or a pretrained name; None is the first pretrained world model.
        temperature: τ, above 0; None is the world model's temperature.
        max_episode_steps: Steps after which a dream is truncated; None is the task's horizon. ``gym.make`` does not
            pass an argument of this name on: it adds a ``TimeLimit``, which can shorten a dream but not lengthen it.
        render_mode: None or ``rgb_array``.

    Raises:
        WorldModelError: The world model is missing or broken, or the temperature is not above 0.
        TaskError: The world model's task is not registered.
        SettingsError: ``max_episode_steps`` or ``render_mode`` is not valid.
    """

    metadata = arguments.METADATA

    def __init__(
        self,
        world_model: str | Path | None = None,
        temperature: float | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ):
        self.render_mode = arguments.check_render_mode(render_mode)
        self.world_model = load_world_model(world_model)
        self.temperature = arguments.dream_temperature(temperature, self.world_model)
        self.max_episode_steps = arguments.episode_steps(max_episode_steps, self.world_model)
        self.observation_space = self.world_model.observation_space
        self.action_space = self.world_model.action_space
        self._codec = self.world_model.codec
        self._stepper = SingleStepper.of(self.world_model)
        self._price, self._step_cost = float(self.world_model.task.price), float(self.world_model.step_cost)
        self.metadata = arguments.METADATA | {"render_fps": self.world_model.render_fps}
        self._n_steps: int | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts a new dream.

        Raises:
            SettingsError: An option is unknown, ``start`` is not an index of a start, or ``state`` has other shapes.
            WorldModelError: The option ``temperature`` is not above 0.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        state = options.pop("state", None)
        start, temperature = arguments.start_and_temperature(options, self.world_model, self.temperature)
        self._noise = DreamNoise([self.np_random], self.world_model.latent_size)
        if state is None:
            chosen = None if start is None else np.array([start])
            indices, (z, h, c) = start_dreams(self.world_model, self._noise, [0], chosen)
            self._start, begun = int(indices[0]), (z[0], h[0], c[0])
        else:
            self._start, begun = -1, arguments.dream_state(state, self.world_model)
        self._stepper.begin(*begun, temperature)
        self._n_steps, self._block_step = 0, NOISE_BLOCK
        return self._stepper.observation(), {"start": self._start}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Steps the dream. A Box action outside its bounds is clipped.

        Raises:
            ActionError: The action holds NaN, has another shape, or is not in a Discrete space.
            ResetNeeded: The env was not reset.
        """
        if self._n_steps is None:
            raise gym.error.ResetNeeded("step was called before reset; call env.reset() first")
        code = self._codec.encode(action)
        if self._block_step == NOISE_BLOCK:
            self._noise.draw_block(0)
            self._block_step = 0
        target, logit = self._stepper.step(code, self._noise.at(0, self._block_step))
        self._block_step += 1
        self._n_steps += 1
        target_reward = self._price * target
        info = {
            "target": target,
            "target_reward": target_reward,
            "step_reward": self._step_cost,
            "done_logit": logit,
            "start": self._start,
        }
        truncated = self._n_steps >= self.max_episode_steps
        return self._stepper.observation(), target_reward + self._step_cost, logit > 0, truncated, info

    def set_temperature(self, temperature: float) -> None:
        """Sets τ of the next steps and of later dreams. Raises a WorldModelError if it is not above 0."""
        self.temperature = arguments.dream_temperature(temperature, self.world_model)
        self._stepper.set_temperature(self.temperature)

    def render(self) -> np.ndarray | None:
        """Decodes ``z`` by V into a picture, uint8 ``(256, 256, 3)``.

        Without a render mode it warns and returns None.
        """
        if self.render_mode is None:
            arguments.warn_without_render_mode()
            return None
        if self._n_steps is None:
            raise gym.error.ResetNeeded("render was called before reset; call env.reset() first")
        with one_thread():
            return enlarge(self.world_model.decode(self._stepper.observation()[: self.world_model.latent_size]))


def enlarge(frame: np.ndarray) -> np.ndarray:
    """Enlarges a frame ``(64, 64, 3)`` to ``(256, 256, 3)`` uint8 by bicubic interpolation."""
    import cv2

    return cv2.resize(frame, (RENDER_SIZE, RENDER_SIZE), interpolation=cv2.INTER_CUBIC)
