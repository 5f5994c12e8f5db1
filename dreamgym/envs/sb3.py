"""Batched envs for Stable-Baselines3, which has a vector interface of its own."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ImportError("SB3VecEnv needs Stable-Baselines3; pip install 'dreamgym[sb3]'") from error


class SB3VecEnv(VecEnv):
    """A Gymnasium vector env as Stable-Baselines3 wants it: a dream that ends begins anew in the same step.

    An ended env's info holds ``terminal_observation`` and ``TimeLimit.truncated``; other infos are left out,
    since a dict an env a step would cost more than dreaming it.

    Example:
        >>> envs = gym.make_vec("WorldModelDream-v0", num_envs=64, world_model=folder)  # doctest: +SKIP
        >>> PPO("MlpPolicy", SB3VecEnv(envs)).learn(100_000)  # doctest: +SKIP

    Args:
        envs: A vector env with a ``reset_mask`` option: the batched dream, or Gymnasium's ``SyncVectorEnv``.
    """

    def __init__(self, envs: gym.vector.VectorEnv):
        self.envs = envs
        self._actions: np.ndarray | None = None
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> np.ndarray:
        """Begins all envs, with the seeds and options that ``seed`` and ``set_options`` left, which count once.

        Raises:
            ValueError: The options differ between envs.
        """
        if any(options != self._options[0] for options in self._options):
            raise ValueError("set_options was given other options an env; a batched env takes one dict for all")
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observations, _ = self.envs.reset(seed=seeds, options=dict(self._options[0]))  # type: ignore[arg-type]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Steps all envs and begins the ended ones anew: observations, float32 rewards, dones, infos."""
        observations, rewards, terminated, truncated, _ = self.envs.step(self._actions)
        dones = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            begun, _ = self.envs.reset(options={"reset_mask": dones})
            for i in np.flatnonzero(dones):
                infos[i]["terminal_observation"] = observations[i].copy()
                infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            observations[dones] = begun[dones]
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Closes the envs."""
        self.envs.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture an env."""
        return list(self.envs.render() or [None] * self.num_envs)  # type: ignore[arg-type]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The batched env's attribute, once an env."""
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of the batched env.

        Raises:
            ValueError: Not all envs are meant.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"{attr_name} belongs to all envs of a batch; it cannot be set for a few")
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Calls a method of the batched env once, and gives its result once an env.

        Raises:
            ValueError: Not all envs are meant.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"{method_name} belongs to all envs of a batch; it cannot be called for a few")
        return [getattr(self.envs, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Batched envs wear no single-env wrappers."""
        return [False] * len(list(self._get_indices(indices)))
