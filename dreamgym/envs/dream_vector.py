"""WorldModelDream-v0 batched: N dreams in step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from dreamgym.blas import one_thread
from dreamgym.dynamics import Noise, warm_up
from dreamgym.envs.dream import METADATA, check_options, check_render_mode, check_steps, enlarge, load_world_model
from dreamgym.errors import WorldModelError
from dreamgym.noise import NOISE_BLOCK, DreamNoise
from dreamgym.steppers import CompiledStepper, NumpyStepper, SeparateStepper, Stepper
from dreamgym.world_model import check_temperature

Engine = Literal["auto", "separate", "numpy", "compiled"]
STEPPERS: dict[str, type[Stepper]] = {"separate": SeparateStepper, "numpy": NumpyStepper, "compiled": CompiledStepper}
SEPARATE_TO = 3
"""Dreams up to which stepping one after the other is the quickest. Measured as below."""
COMPILED_FROM = 96
"""Dreams from which a compiled step is the quicker one. Measured on two cores with LSTM 256 (see
``scripts/benchmark.py``); a call into TensorFlow costs some 0.3 ms whatever it does."""


class DreamVectorEnv(gym.vector.VectorEnv[np.ndarray, Any, np.ndarray]):
    """N dreams of a world model, each with its own generator: env i is seeded ``seed + i``.

    What env i dreams is what :class:`dreamgym.envs.dream.DreamEnv` dreams after ``reset(seed=seed + i)``, to 1e-5 a
    step. Resets itself in Gymnasium's next-step way: the step after a dream's end ignores that env's action and
    gives the next dream's first observation with reward 0.

    Observations are float32 ``(N, Z + H)``, rewards float64 ``(N,)``; ``infos`` holds DreamEnv's, one array a key.

    Args:
        num_envs: N.
        world_model: A folder, or a pretrained name; the first one that ships if None.
        temperature: τ, above 0; the world model's own if None.
        max_episode_steps: Steps after which a dream is truncated; the task's horizon if None.
        render_mode: None or ``rgb_array``.
        engine: ``separate`` (one after the other), ``numpy`` (as a batch), ``compiled`` (by TensorFlow, on its device),
            or the quickest of them for N (``auto``).

    Raises:
        WorldModelError: The world model is missing or broken, or an argument is out of range.
    """

    metadata = METADATA | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        world_model: str | Path | None = None,
        temperature: float | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        engine: Engine = "auto",
    ):
        if num_envs < 1:
            raise WorldModelError(f"num_envs is {num_envs}, expected at least 1")
        if engine not in ("auto", *STEPPERS):
            raise WorldModelError(f"engine is {engine!r}, expected 'auto', {', '.join(map(repr, STEPPERS))}")
        self.num_envs = num_envs
        self.render_mode = check_render_mode(render_mode)
        self.world_model = load_world_model(world_model)
        task = self.world_model.task
        self.temperature = check_temperature(self.world_model.temperature if temperature is None else temperature)
        self.max_episode_steps = check_steps(task.horizon if max_episode_steps is None else max_episode_steps)
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
        """Begins all dreams, or those that ``options["reset_mask"]`` (bool, ``(N,)``) picks.

        The other options are DreamEnv's, for all dreams begun.

        Raises:
            WorldModelError: An option is unknown or out of range, or there is not one seed an env.
        """
        options = dict(options or {})
        mask = self._reset_mask(options.pop("reset_mask", None))
        start, temperature = check_options(options, self.world_model, self.temperature)
        self._seed(seed, mask)
        rows = np.flatnonzero(mask)
        self._begin(rows, start, temperature)
        return self._stepper.observations(), self._by_env("start", self._starts, mask)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Dreams one step in every env; an env whose dream ended begins its next one instead.

        Raises:
            ActionError: An action holds NaN or is not of the space's shape.
        """
        if not self._generators:
            raise gym.error.ResetNeeded("step was called before reset; call envs.reset() first")
        codes = self._check_count(self.world_model.codec.encode_batch(actions))
        ended = np.flatnonzero(self._done)
        going = ~self._done
        self._block_steps[ended] = 0  # those rows are overwritten below; they must not draw
        spent = np.flatnonzero(self._block_steps == NOISE_BLOCK)
        if len(spent):
            self._noise.draw_blocks(spent)
            self._block_steps[spent] = 0
        target, logit = self._stepper.step(codes, self._step_noise(), self._temperatures)
        self._block_steps += 1
        self._n_steps += 1
        if len(ended):
            self._begin(ended, None, self.temperature)
        terminated = (logit > 0) & going
        truncated = (self._n_steps >= self.max_episode_steps) & going
        self._done = terminated | truncated
        task = self.world_model.task
        target_reward = np.where(going, task.price * target.astype(np.float64), 0.0)
        rewards = np.where(going, target_reward + task.step_cost, 0.0)
        infos = self._by_env("start", self._starts, None)
        infos |= self._by_env("target", target, going) | self._by_env("target_reward", target_reward, going)
        infos |= self._by_env("step_reward", np.where(going, task.step_cost, 0.0), going)
        infos |= self._by_env("done_logit", logit, going)
        return self._stepper.observations(), rewards, terminated, truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """What every dream looks like now, uint8 ``(256, 256, 3)`` each; None without a render mode."""
        if self.render_mode is None:
            return None
        if not self._generators:
            raise gym.error.ResetNeeded("render was called before reset; call envs.reset() first")
        z = self._stepper.observations()[:, : self.world_model.latent_size]
        with one_thread():
            return tuple(enlarge(frame) for frame in self.world_model.decode(z))

    def _begin(self, rows: np.ndarray, start: int | None, temperature: float) -> None:
        """Warms M up over the starts of some rows, each drawn by its own generator unless given."""
        starts = self.world_model.starts
        drawn = [self._noise.draw_start(i, len(starts), starts.mu.shape[1]) for i in rows]
        self._starts[rows] = [index for index, _ in drawn] if start is None else start
        normal = np.stack([normal for _, normal in drawn])
        chosen = self._starts[rows]
        sequences = starts.mu[chosen], starts.logvar[chosen], starts.action[chosen]
        with one_thread():
            z, h, c = warm_up(np, self.world_model.memory, *sequences, normal)
        self._stepper.put(rows, z, h, c)
        self._temperatures[rows] = temperature
        self._n_steps[rows] = 0
        self._block_steps[rows] = NOISE_BLOCK
        self._done[rows] = False

    def _seed(self, seed: int | Sequence[int | None] | None, mask: np.ndarray) -> None:
        """Gives reseeded envs new generators; without a seed they go on with the ones they have."""
        if seed is None or isinstance(seed, int | np.integer):
            seeds: list[int | None] = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = [None if s is None else int(s) for s in seed]
        if len(seeds) != self.num_envs:
            raise WorldModelError(f"{len(seeds)} seeds were given for {self.num_envs} envs; expected one an env")
        if not self._generators:
            if not mask.all():
                raise gym.error.ResetNeeded("the first reset must begin all dreams; leave out reset_mask")
            self._generators = [gym.utils.seeding.np_random(s)[0] for s in seeds]
            self._noise = DreamNoise(self._generators, self.world_model.latent_size)
            return
        for i in np.flatnonzero(mask):
            if seeds[i] is not None:
                self._generators[i] = gym.utils.seeding.np_random(seeds[i])[0]

    def _step_noise(self) -> Noise:
        """This step's noise, ``(N, Z)`` each; every env reads its own place in its own block."""
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
            raise WorldModelError(
                f"option reset_mask is {mask!r}, expected {self.num_envs} bools, one or more of them True"
            )
        return mask

    def _check_count(self, codes: np.ndarray) -> np.ndarray:
        if len(codes) != self.num_envs:
            raise WorldModelError(f"{len(codes)} actions were given for {self.num_envs} envs; expected one an env")
        return codes

    def _by_env(self, name: str, values: np.ndarray, present: np.ndarray | None) -> dict[str, np.ndarray]:
        """Gymnasium's form of an info: the values, and under ``_name`` which envs have one."""
        present = np.ones(self.num_envs, bool) if present is None else present.copy()
        return {name: np.array(values), f"_{name}": present}
