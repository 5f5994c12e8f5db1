"""Vector envs of Gymnasium as vector envs of Stable-Baselines3, which has another interface."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ImportError("SB3VecEnv needs Stable-Baselines3; pip install 'dreamgym[sb3]'") from error


class SB3VecEnv(VecEnv):
    """A Gymnasium vector env for Stable-Baselines3: an env that ends is reset in the same step.

    The info of an env that ended holds ``terminal_observation`` and ``TimeLimit.truncated``. Other infos are dropped,
    because building a dict per env would take longer than the step.

    Example:
        >>> envs = gym.make_vec("WorldModelDream-v0", num_envs=64, world_model=folder)  # doctest: +SKIP
        >>> PPO("MlpPolicy", SB3VecEnv(envs)).learn(100_000)  # doctest: +SKIP

    Args:
        envs: A vector env whose ``reset`` takes the option ``reset_mask``, for example the batched dream or
            Gymnasium's ``SyncVectorEnv``.
    """

    def __init__(self, envs: gym.vector.VectorEnv):
        self.envs = envs
        self._actions: np.ndarray | None = None
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> np.ndarray:
        """Resets all envs with the seeds and options that were set by ``seed`` and ``set_options``, and clears them.

        Raises:
            ValueError: The options differ between envs.
        """
        if any(options != self._options[0] for options in self._options):
            raise ValueError("set_options got different options per env, expected one dict for all envs")
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observations, _ = self.envs.reset(seed=seeds, options=dict(self._options[0]))  # type: ignore[arg-type]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Stores the actions of the next :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Steps all envs and resets those that ended. Returns observations, float32 rewards, dones and infos."""
        observations, rewards, terminated, truncated, _ = self.envs.step(self._actions)
        dones = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            first, _ = self.envs.reset(options={"reset_mask": dones})
            for i in np.flatnonzero(dones):
                infos[i]["terminal_observation"] = observations[i].copy()
                infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            observations[dones] = first[dones]
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Closes the envs."""
        self.envs.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Returns one picture per env, or None per env without a render mode."""
        return list(self.envs.render() or [None] * self.num_envs)  # type: ignore[arg-type]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Returns the vector env's attribute, once for each selected env."""
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute of the vector env. Raises a ValueError if ``indices`` does not select all envs."""
        self._check_all(attr_name, indices)
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Calls a method of the vector env once, and returns its result once for each env.

        Raises a ValueError if ``indices`` does not select all envs.
        """
        self._check_all(method_name, indices)
        return [getattr(self.envs, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Returns False for each selected env: a vector env has no wrappers of single envs."""
        return [False] * len(list(self._get_indices(indices)))

    def _check_all(self, name: str, indices: Any) -> None:
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"{name} belongs to the vector env, so indices must select all envs")
