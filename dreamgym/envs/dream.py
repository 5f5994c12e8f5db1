"""WorldModelDream-v0: one dream, in NumPy; it needs no TensorFlow."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.blas import one_thread
from dreamgym.dynamics import warm_up
from dreamgym.errors import WorldModelError
from dreamgym.noise import NOISE_BLOCK, DreamNoise
from dreamgym.single_stepper import SingleStepper
from dreamgym.world_model import PRETRAINED, WorldModel, check_temperature

RENDER_SIZE = 256
RENDER_FPS = 50
METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": RENDER_FPS}


class DreamEnv(gym.Env[np.ndarray, Any]):
    """The dream of a world model.

    Observations are ``[z, h]``, float32 of shape ``(Z + H,)``; actions are the game's own. A step pays
    ``price * target + step_cost`` as the task says, ``terminated`` is M's logit above 0, and the env truncates
    itself after ``max_episode_steps``.

    ``info`` holds ``target`` (what M predicts of the reward), ``target_reward`` (what the dream pays for it),
    ``step_reward`` (the step's own cost), ``done_logit`` and ``start`` (the index of the dream's start).

    Reset options: ``start`` (an index) and ``temperature`` (for this dream only).

    Example:
        >>> env = gym.make("WorldModelDream-v0", world_model="path/to/world_model")  # doctest: +SKIP
        >>> observation, info = env.reset(seed=0, options={"start": 3, "temperature": 0.5})  # doctest: +SKIP

    Args:
        world_model: A folder, or a pretrained name; the first one that ships if None.
        temperature: τ, above 0; the world model's own if None.
        max_episode_steps: Steps after which a dream is truncated; the task's horizon if None. ``gym.make`` keeps an
            argument of this name for its own ``TimeLimit``, which can shorten a dream but not lengthen it.
        render_mode: None or ``rgb_array``.

    Raises:
        WorldModelError: The world model is missing or broken, or an argument is out of range.
    """

    metadata = METADATA

    def __init__(
        self,
        world_model: str | Path | None = None,
        temperature: float | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ):
        self.render_mode = check_render_mode(render_mode)
        self.world_model = load_world_model(world_model)
        task = self.world_model.task
        self.temperature = check_temperature(self.world_model.temperature if temperature is None else temperature)
        self.max_episode_steps = check_steps(task.horizon if max_episode_steps is None else max_episode_steps)
        self.observation_space = self.world_model.observation_space
        self.action_space = self.world_model.action_space
        self._codec = self.world_model.codec
        self._stepper = SingleStepper(self.world_model.memory, self.world_model.n_mixtures)
        self._price, self._step_cost = float(task.price), float(task.step_cost)
        self._n_steps: int | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins a dream from a start drawn by ``np_random`` or picked by ``options``.

        Raises:
            WorldModelError: An option is unknown or out of range.
        """
        super().reset(seed=seed)
        start, temperature = check_options(options, self.world_model, self.temperature)
        self._noise = DreamNoise([self.np_random], self.world_model.latent_size)
        starts = self.world_model.starts
        drawn, normal = self._noise.draw_start(0, len(starts), starts.mu.shape[1])
        self._start = drawn if start is None else start
        one = slice(self._start, self._start + 1)
        with one_thread():
            z, h, c = warm_up(
                np, self.world_model.memory, starts.mu[one], starts.logvar[one], starts.action[one], normal[None]
            )
        self._stepper.begin(z[0], h[0], c[0], temperature)
        self._n_steps, self._block_step = 0, NOISE_BLOCK
        return self._stepper.observation(), {"start": self._start}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Dreams one step.

        Raises:
            ActionError: The action holds NaN or is not of the space's shape.
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

    def render(self) -> np.ndarray | None:
        """What the dream looks like now: ``z`` through V, uint8 ``(256, 256, 3)``; None without a render mode."""
        if self.render_mode is None:
            gym.logger.warn("render was called without a render mode; make the env with render_mode='rgb_array'")
            return None
        if self._n_steps is None:
            raise gym.error.ResetNeeded("render was called before reset; call env.reset() first")
        with one_thread():
            return enlarge(self.world_model.decode(self._stepper.observation()[: self.world_model.latent_size]))


def load_world_model(name: str | Path | None) -> WorldModel:
    """The world model of a folder or a pretrained name; the first one that ships if None.

    Raises:
        WorldModelError: There is none, or it is broken.
    """
    if isinstance(name, str | Path):
        return WorldModel.load(name)
    if name is not None:
        raise WorldModelError(
            f"world_model is a {type(name).__name__}, expected a folder or a pretrained name; "
            "save a live world model with its save(folder) and pass the folder"
        )
    shipped = sorted(path.parent.name for path in PRETRAINED.glob("*/world_model.json"))
    if not shipped:
        raise WorldModelError("world_model is missing and no pretrained one ships; pass the folder of a world model")
    return WorldModel.load(shipped[0])


def check_render_mode(render_mode: str | None) -> str | None:
    """Gives the render mode back if dreams have it.

    Raises:
        WorldModelError: They do not.
    """
    if render_mode not in (None, *METADATA["render_modes"]):
        raise WorldModelError(f"render_mode is {render_mode!r}, expected None or 'rgb_array'")
    return render_mode


def check_steps(max_episode_steps: int) -> int:
    """Gives a number of steps back if it is a whole number above 0.

    Raises:
        WorldModelError: It is not.
    """
    whole = isinstance(max_episode_steps, int | np.integer) and not isinstance(max_episode_steps, bool)
    if not whole or max_episode_steps < 1:
        raise WorldModelError(f"max_episode_steps is {max_episode_steps!r}, expected a whole number of at least 1")
    return int(max_episode_steps)


def check_options(
    options: dict[str, Any] | None, world_model: WorldModel, temperature: float
) -> tuple[int | None, float]:
    """The start (None: to be drawn) and the temperature that reset options ask for.

    Raises:
        WorldModelError: An option is unknown or out of range.
    """
    options = options or {}
    unknown = sorted(set(options) - {"start", "temperature"})
    if unknown:
        raise WorldModelError(f"reset options {unknown} are unknown; a dream takes 'start' and 'temperature'")
    start = options.get("start")
    n_starts = len(world_model.starts)
    if start is not None:
        if isinstance(start, bool) or not isinstance(start, int | np.integer) or not 0 <= start < n_starts:
            raise WorldModelError(f"option start is {start!r}, expected a whole number from 0 to {n_starts - 1}")
        start = int(start)
    return start, check_temperature(options.get("temperature", temperature))


def enlarge(frame: np.ndarray) -> np.ndarray:
    """A frame for people: uint8 ``(256, 256, 3)``, smoothly enlarged from ``(64, 64, 3)``."""
    import cv2

    return cv2.resize(frame, (RENDER_SIZE, RENDER_SIZE), interpolation=cv2.INTER_CUBIC)
