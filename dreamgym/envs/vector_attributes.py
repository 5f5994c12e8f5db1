"""Attributes and methods of the envs in a vector env, found through its wrappers."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv, VectorWrapper

from dreamgym.errors import SettingsError


def layers(envs: VectorEnv) -> list[VectorEnv]:
    """The wrappers of a vector env, outermost first, and the vector env that they are round."""
    found = [envs]
    while isinstance(found[-1], VectorWrapper):
        found.append(found[-1].env)
    return found


class VectorAttributes:
    """Attributes of a vector env by the indices of its envs.

    Where the vector env holds single envs (``SyncVectorEnv``, ``AsyncVectorEnv``) a name is theirs, if they have it.
    Otherwise it is the outermost layer's that has it, and all envs have it in common.
    """

    def __init__(self, envs: VectorEnv):
        self._layers = layers(envs)
        self._base = self._layers[-1]
        self._num_envs = envs.num_envs

    def get(self, name: str, indices: Sequence[int]) -> list[Any]:
        """The attribute of each selected env. Raises an AttributeError if there is none."""
        if self._singles_have(name):
            values = self._base.call("get_wrapper_attr", name)  # type: ignore[attr-defined]
            return [values[i] for i in indices]
        return [getattr(self._layer(name), name)] * len(indices)

    def set(self, name: str, value: Any, indices: Sequence[int]) -> None:
        """Sets the attribute of the selected envs. A name that nothing has is set on the single envs or the base.

        Raises:
            SettingsError: The envs have the attribute in common, or are in other processes and lack it, and not all are
                selected.
        """
        base = self._base
        in_singles = self._singles_have(name)
        if isinstance(base, SyncVectorEnv) and (in_singles or not self._has_layer(name)):
            for i in indices:
                base.envs[i].set_wrapper_attr(name, value)
        elif isinstance(base, AsyncVectorEnv) and (in_singles or not self._has_layer(name)):
            if not in_singles:
                self._check_all(name, indices)
            values = list(base.call("get_wrapper_attr", name)) if in_singles else [value] * self._num_envs
            for i in indices:
                values[i] = value
            base.set_attr(name, values)
        else:
            self._check_all(name, indices)
            setattr(self._layer(name), name, value)

    def call(self, name: str, indices: Sequence[int], *args: Any, **kwargs: Any) -> list[Any]:
        """Calls a method of each selected env; one that they have in common is called once.

        Raises:
            AttributeError: There is no such method.
            SettingsError: The envs have the method in common or are in other processes, and not all are selected.
        """
        if isinstance(self._base, SyncVectorEnv) and self._singles_have(name):
            return [self._base.envs[i].get_wrapper_attr(name)(*args, **kwargs) for i in indices]
        self._check_all(name, indices)
        if isinstance(self._base, AsyncVectorEnv) and self._singles_have(name):
            return list(self._base.call(name, *args, **kwargs))
        return [getattr(self._layer(name), name)(*args, **kwargs)] * self._num_envs

    def are_wrapped(self, wrapper_class: type, indices: Sequence[int]) -> list[bool]:
        """Whether each selected env has the wrapper, as a single env or in common with the others.

        The wrappers of envs in other processes are not seen.
        """
        in_common = any(isinstance(layer, wrapper_class) for layer in self._layers)
        if in_common or not isinstance(self._base, SyncVectorEnv):
            return [in_common] * len(indices)
        return [_is_wrapped(self._base.envs[i], wrapper_class) for i in indices]

    def _singles_have(self, name: str) -> bool:
        # A worker of AsyncVectorEnv ends when it is asked for an attribute that its env lacks.
        base = self._base
        return isinstance(base, SyncVectorEnv | AsyncVectorEnv) and all(base.call("has_wrapper_attr", name))

    def _has_layer(self, name: str) -> bool:
        return any(hasattr(layer, name) for layer in self._layers)

    def _layer(self, name: str) -> VectorEnv:
        return next((layer for layer in self._layers if hasattr(layer, name)), self._base)

    def _check_all(self, name: str, indices: Sequence[int]) -> None:
        if sorted(indices) != list(range(self._num_envs)):
            raise SettingsError(
                f"{name} is for all envs together and indices are {list(indices)}; indices must select all envs"
            )


def _is_wrapped(env: gym.Env, wrapper_class: type) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, wrapper_class):
            return True
        env = env.env
    return False
