"""WorldModelDream-v0 as a vector env: N dreams of a world model in lockstep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from dreamgym.dream.noise import NOISE_BLOCK, DreamNoise
from dreamgym.dream.starts import start_dreams
from dreamgym.dream.steppers import CompiledStepper, NumpyStepper, SeparateStepper, Stepper
from dreamgym.envs import arguments
from dreamgym.envs.copies import WholeCopies
from dreamgym.envs.dream import enlarge
from dreamgym.envs.loading import load_world_model
from dreamgym.errors import ActionError, SettingsError
from dreamgym.models.dynamics import Noise
from dreamgym.running.threads import one_thread

Engine = Literal["auto", "separate", "numpy", "compiled"]
STEPPERS: dict[str, type[Stepper]] = {"separate": SeparateStepper, "numpy": NumpyStepper, "compiled": CompiledStepper}
SEPARATE_TO = 3
"""The largest number of dreams for which ``auto`` is ``separate``. Measured like ``COMPILED_FROM``."""
COMPILED_FROM = 96
"""The smallest number of dreams for which ``auto`` is ``compiled``. Measured with 256 LSTM units on two cores, where a
call into TensorFlow takes 0.3 ms in addition to the computation."""


class DreamVectorEnv(WholeCopies, gym.vector.VectorEnv[np.ndarray, Any, np.ndarray]):
    """N dreams of a world model. Each has its own generator; ``reset(seed=seed)`` seeds env i with ``seed + i``.

    Env i agrees with :class:`dreamgym.envs.dream.DreamEnv` after ``reset(seed=seed + i)`` to 1e-5 per step.
    The env resets itself by Gymnasium's ``NEXT_STEP`` rule: the step after a dream's last one ignores that env's action
    and returns the first observation of the next dream with reward 0.

    Observations are float32 ``(N, Z + H)``, rewards float64 ``(N,)``. ``infos`` holds DreamEnv's keys, as arrays
    ``(N,)``, and under ``_key`` which envs have a value. A copy or pickle made in mid-episode dreams on with the same
    numbers.

    Args:
        num_envs: N.
        world_model: As in DreamEnv.
        temperature: As in DreamEnv.
        max_episode_steps: As in DreamEnv; ``gym.make_vec`` passes it on.
        render_mode: As in DreamEnv.
        engine: ``separate`` (NumPy, one dream after another), ``numpy`` (a NumPy batch), ``compiled`` (TensorFlow, on
            its default device) or ``auto`` (the fastest of them for N).

    Raises:
        WorldModelError: As in DreamEnv.
        TaskError: As in DreamEnv.
        SettingsError: Another argument is not valid.
    """

    metadata = arguments.METADATA | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        world_model: str | Path | None = None,
        *,
        temperature: float | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        engine: Engine = "auto",
    ):
        if num_envs < 1:
            raise SettingsError(f"num_envs is {num_envs}, expected at least 1")
        if engine not in ("auto", *STEPPERS):
            raise SettingsError(f"engine is {engine!r}, expected one of {['auto', *STEPPERS]}")
        self.num_envs = num_envs
        self.render_mode = arguments.check_render_mode(render_mode)
        self.world_model = load_world_model(world_model)
        self.metadata = self.metadata | {"render_fps": self.world_model.render_fps}
        self.temperature = arguments.dream_temperature(temperature, self.world_model)
        self.max_episode_steps = arguments.episode_steps(max_episode_steps, self.world_model)
        self.single_observation_space = self.world_model.observation_space
        self.single_action_space = self.world_model.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        if engine == "auto":
            engine = "compiled" if num_envs >= COMPILED_FROM else "numpy" if num_envs > SEPARATE_TO else "separate"
        self._stepper: Stepper = STEPPERS[engine](self.world_model, num_envs)
        self._generators: list[np.random.Generator] = []
        self._starts = np.zeros(num_envs, np.int64)
        self._temperatures = np.full(num_envs, self.temperature, np.float32)
        self._n_steps = np.zeros(num_envs, np.int64)
        self._block_steps = np.zeros(num_envs, np.int64)
        self._done = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Starts new dreams in all envs, or in those where ``options["reset_mask"]`` ``(N,)`` is True.

        The options ``start`` and ``temperature`` are those of DreamEnv, for all dreams that this call starts. An env
        without a seed keeps its generator.

        Raises:
            SettingsError: An option is not valid, or the number of seeds is not N.
            WorldModelError: The option ``temperature`` is not above 0.
            ResetNeeded: The first reset has a mask that does not select all envs.
        """
        options = dict(options or {})
        mask = self._reset_mask(options.pop("reset_mask", None))
        start, temperature = arguments.start_and_temperature(options, self.world_model, self.temperature)
        self._seed(seed, mask)
        self._begin(np.flatnonzero(mask), start, temperature)
        return self._stepper.observations(), _infos(mask, start=self._starts)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every dream. An env whose dream ended starts its next dream instead.

        Raises:
            ActionError: There are not N actions, or one holds NaN, has another shape, or is not in a Discrete space.
            ResetNeeded: The envs were not reset.
        """
        if not self._generators:
            raise gym.error.ResetNeeded("step was called before reset; call envs.reset() first")
        codes = self.world_model.codec.encode_batch(actions)
        if len(codes) != self.num_envs:
            raise ActionError(f"there are {len(codes)} actions for {self.num_envs} envs, expected one per env")
        going = ~self._done
        target, logit = self._stepper.step(codes, self._draw_noise(), self._temperatures)
        self._block_steps += 1
        self._n_steps += 1
        if self._done.any():
            self._begin(np.flatnonzero(self._done), None, self.temperature)
        terminated = (logit > 0) & going
        truncated = (self._n_steps >= self.max_episode_steps) & going
        self._done = terminated | truncated
        target_reward = np.where(going, self.world_model.task.price * target.astype(np.float64), 0.0)
        step_reward = np.where(going, self.world_model.step_cost, 0.0)
        rewards = target_reward + step_reward
        infos = _infos(np.ones_like(going), start=self._starts)
        infos |= _infos(going, target=target, target_reward=target_reward, step_reward=step_reward, done_logit=logit)
        return self._stepper.observations(), rewards, terminated, truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Decodes ``z`` by V into one picture per env, uint8 ``(256, 256, 3)``.

        Without a render mode it warns and returns None.
        """
        if self.render_mode is None:
            arguments.warn_without_render_mode()
            return None
        if not self._generators:
            raise gym.error.ResetNeeded("render was called before reset; call envs.reset() first")
        z = self._stepper.observations()[:, : self.world_model.latent_size]
        with one_thread():
            return tuple(enlarge(frame) for frame in self.world_model.decode(z))

    def _begin(self, rows: np.ndarray, start: int | None, temperature: float) -> None:
        """Starts new dreams in some envs. Each draws its start unless ``start`` is an index."""
        chosen = None if start is None else np.full(len(rows), start)
        self._starts[rows], state = start_dreams(self.world_model, self._noise, rows, chosen)
        self._stepper.set_states(rows, *state)
        self._temperatures[rows] = temperature
        self._n_steps[rows] = 0
        self._block_steps[rows] = NOISE_BLOCK
        self._done[rows] = False

    def _seed(self, seed: int | Sequence[int | None] | None, mask: np.ndarray) -> None:
        """Replaces the generators of the envs that have a seed. The first reset creates all generators."""
        if seed is None or isinstance(seed, int | np.integer):
            seeds: list[int | None] = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = [None if s is None else int(s) for s in seed]
        if len(seeds) != self.num_envs:
            raise SettingsError(f"seed has {len(seeds)} seeds for {self.num_envs} envs, expected one per env")
        if not self._generators:
            if not mask.all():
                raise gym.error.ResetNeeded("the first reset must start all dreams; leave out reset_mask")
            self._generators = [gym.utils.seeding.np_random(s)[0] for s in seeds]
            self._noise = DreamNoise(self._generators, self.world_model.latent_size)
            return
        for i in np.flatnonzero(mask):
            if seeds[i] is not None:
                self._generators[i] = gym.utils.seeding.np_random(seeds[i])[0]

    def _draw_noise(self) -> Noise:
        """The noise of the current step, ``(N, Z)`` each. Envs can be at different steps of their blocks."""
        self._block_steps[self._done] = 0  # an ended dream must not draw: its new state replaces the result of the step
        used_up = np.flatnonzero(self._block_steps == NOISE_BLOCK)
        if len(used_up):
            self._noise.draw_blocks(used_up)
            self._block_steps[used_up] = 0
        first = self._block_steps[0]
        if (self._block_steps == first).all():
            return Noise(self._noise.uniform[:, first], self._noise.normal[:, first])
        rows = np.arange(self.num_envs)
        return Noise(self._noise.uniform[rows, self._block_steps], self._noise.normal[rows, self._block_steps])

    def _reset_mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, bool)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise SettingsError(f"option reset_mask is {mask!r}, expected {self.num_envs} bools and at least one True")
        return mask


def _infos(present: np.ndarray, **values: np.ndarray) -> dict[str, np.ndarray]:
    """Infos in Gymnasium's form: copies of the values, and under ``_name`` which envs have a value."""
    return {name: array.copy() for name, array in values.items()} | {f"_{name}": present.copy() for name in values}
