"""Vector envs of Gymnasium as vector envs of Stable-Baselines3, which has another interface."""

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import NormalizeObservation, NormalizeReward, RecordEpisodeStatistics

from dreamgym.envs.copies import WholeCopies
from dreamgym.envs.dream_vector import DreamVectorEnv
from dreamgym.envs.vector_attributes import VectorAttributes, layers
from dreamgym.envs.vector_infos import Infos, split_infos
from dreamgym.errors import SettingsError

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ImportError("SB3VecEnv needs Stable-Baselines3; pip install 'dreamgym[sb3]'") from error


class SB3VecEnv(WholeCopies, VecEnv):
    """A Gymnasium vector env for Stable-Baselines3: an env that ends is reset in the same step.

    The info of an env is that of the step, and ``TimeLimit.truncated``. When the env ended, the info also holds
    ``terminal_observation``, and ``reset_infos`` holds the info of the reset.

    Example:
        >>> envs = gym.make_vec("WorldModelDream-v0", num_envs=64, world_model=folder)  # doctest: +SKIP
        >>> PPO("MlpPolicy", SB3VecEnv(envs)).learn(100_000)  # doctest: +SKIP

    Args:
        envs: A vector env of any autoreset mode, for example the batched dream or Gymnasium's ``SyncVectorEnv``, with
            or without wrappers. Unless the mode is ``SAME_STEP``, its ``reset`` must take the option ``reset_mask``.

    Raises:
        SettingsError: The vector env does not say its autoreset mode, its observations cannot be batched as arrays, or
            one of its parts goes wrong when only some envs are reset.
    """

    def __init__(self, envs: gym.vector.VectorEnv):
        self.envs = envs
        self._mode = _autoreset_mode(envs)
        _check_observations(envs)
        if self._mode != AutoresetMode.SAME_STEP:
            _check_partial_resets(envs, self._mode)
        self._attributes = VectorAttributes(envs)
        self._actions: np.ndarray | None = None
        base = envs.unwrapped
        self._mask_is_kept = isinstance(base, DreamVectorEnv | SyncVectorEnv | AsyncVectorEnv)
        self._reuses_observations = not getattr(base, "copy", True)
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self.spec = envs.spec
        own = ("autoreset_mode", "render_modes")
        self.metadata.update({key: value for key, value in envs.metadata.items() if key not in own})

    def reset(self) -> Any:
        """Resets all envs with the seeds and options that were set by ``seed`` and ``set_options``, and clears them.

        Raises:
            SettingsError: The options differ between envs.
        """
        if any(options != self._options[0] for options in self._options):
            raise SettingsError("set_options got different options per env, expected one dict for all envs")
        # The seeds count up from the first, as a vector env itself counts; some take no list of seeds.
        observations, infos = self.envs.reset(seed=self._seeds[0], options=dict(self._options[0]))
        self.reset_infos = split_infos(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return self._own(observations)

    def step_async(self, actions: np.ndarray) -> None:
        """Stores the actions of the next :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, Infos]:
        """Steps all envs and resets those that ended. Returns observations, float32 rewards, dones and infos.

        Raises:
            SettingsError: ``reset`` of the vector env did not heed ``reset_mask``.
        """
        observations, rewards, terminated, truncated, vector_infos = self.envs.step(self._actions)
        observations, dones = self._own(observations), terminated | truncated
        infos = split_infos(vector_infos, self.num_envs)
        ended = np.flatnonzero(dones)
        if len(ended):
            if self._mode == AutoresetMode.SAME_STEP:
                self._take_final(infos, ended)
            else:
                self._begin_anew(observations, dones, infos)
        for info, cut in zip(infos, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut
        return observations, rewards.astype(np.float32), dones, infos

    def _take_final(self, infos: Infos, ended: np.ndarray) -> None:
        """The envs were reset within the step, which put the last observation and info under keys of their own."""
        for i in ended:
            if "final_obs" not in infos[i]:
                raise SettingsError(f"{self.envs} resets in the same step, expected final_obs in the infos of env {i}")
            last, final_info = infos[i].pop("final_obs"), infos[i].pop("final_info", {})
            self.reset_infos[i] = infos[i]
            infos[i] = infos[i] | final_info | {"terminal_observation": copy.deepcopy(last)}

    def _begin_anew(self, observations: Any, dones: np.ndarray, infos: Infos) -> None:
        """Resets the envs that ended, and puts their first observations into ``observations``."""
        ended = np.flatnonzero(dones)
        for i in ended:
            infos[i]["terminal_observation"] = _row(observations, i)
        first, reset_infos = self.envs.reset(options={"reset_mask": dones.copy()})
        if not self._mask_is_kept and not dones.all():
            if not _equal_rows(observations, first, ~dones):
                raise SettingsError(
                    f"reset of {self.envs} did not heed the option reset_mask; make the envs with SAME_STEP autoreset, "
                    "or as a SyncVectorEnv"
                )
            self._mask_is_kept = True
        _set_rows(observations, first, dones)
        split = split_infos(reset_infos, self.num_envs)
        for i in ended:
            self.reset_infos[i] = split[i]

    def _own(self, observations: Any) -> Any:
        """Stable-Baselines3 keeps observations over a step, so they must not be a buffer of the vector env."""
        return copy.deepcopy(observations) if self._reuses_observations else observations

    def close(self) -> None:
        """Closes the envs."""
        self.envs.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Returns one picture per env, or None per env without a render mode."""
        if self.render_mode is None:
            return [None] * self.num_envs
        return list(self.envs.render() or [None] * self.num_envs)  # type: ignore[arg-type]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Returns the attribute of each selected env, found through all wrappers."""
        return self._attributes.get(attr_name, self._selected(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets the attribute of the selected envs where it is, through all wrappers.

        Raises:
            SettingsError: The envs have the attribute in common, and ``indices`` does not select all.
        """
        self._attributes.set(attr_name, value, self._selected(indices))

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Calls a method of each selected env. One that the envs have in common is called once.

        Raises:
            SettingsError: The envs have the method in common or are in other processes, and ``indices`` does not select
                all.
        """
        return self._attributes.call(method_name, self._selected(indices), *method_args, **method_kwargs)

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Returns whether each selected env has the wrapper. Those of envs in other processes are not seen."""
        return self._attributes.are_wrapped(wrapper_class, self._selected(indices))

    def _selected(self, indices: Any) -> list[int]:
        return list(self._get_indices(indices))


def _autoreset_mode(envs: gym.vector.VectorEnv) -> AutoresetMode:
    found = envs.metadata.get("autoreset_mode")
    try:
        return AutoresetMode(found)
    except ValueError as error:
        raise SettingsError(
            f"metadata['autoreset_mode'] of {envs} is {found!r}, expected a gymnasium.vector.AutoresetMode"
        ) from error


def _check_observations(envs: gym.vector.VectorEnv) -> None:
    if isinstance(envs.observation_space, gym.spaces.Tuple):
        raise SettingsError(
            f"{envs} has observations {envs.single_observation_space}, expected arrays or a Dict of them"
        )


def _check_partial_resets(envs: gym.vector.VectorEnv, mode: AutoresetMode) -> None:
    """Raises a SettingsError for parts of Gymnasium that refuse to be reset in part, or count wrongly afterwards."""
    base = envs.unwrapped
    for layer in layers(envs):
        name = type(layer).__name__
        if isinstance(layer, NormalizeObservation | NormalizeReward):
            raise SettingsError(f"{name} cannot be reset for some envs only; use Stable-Baselines3's VecNormalize")
        # These take reset_mask out of the options, so that the wrapper takes the reset for one of all envs.
        if isinstance(layer, RecordEpisodeStatistics) and isinstance(base, SyncVectorEnv | AsyncVectorEnv):
            raise SettingsError(
                f"{name} miscounts when some envs of a {type(base).__name__} are reset; use Stable-Baselines3's "
                "VecMonitor, or make the envs with SAME_STEP autoreset"
            )
    if isinstance(base, AsyncVectorEnv) and not base.shared_memory and mode == AutoresetMode.NEXT_STEP:
        raise SettingsError(
            "an AsyncVectorEnv without shared memory resets an env twice; make it with shared_memory=True or "
            "SAME_STEP autoreset"
        )


def _row(observations: Any, i: np.intp) -> Any:
    if isinstance(observations, dict):
        return {key: _row(part, i) for key, part in observations.items()}
    return observations[i].copy()


def _set_rows(observations: Any, others: Any, rows: np.ndarray) -> None:
    if isinstance(observations, dict):
        for key, part in observations.items():
            _set_rows(part, others[key], rows)
    else:
        observations[rows] = others[rows]


def _equal_rows(observations: Any, others: Any, rows: np.ndarray) -> bool:
    if isinstance(observations, dict):
        return all(_equal_rows(part, others[key], rows) for key, part in observations.items())
    return np.array_equal(observations[rows], others[rows])
