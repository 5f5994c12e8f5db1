"""The policy interface, and the policies that do not learn."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import PolicyError


@runtime_checkable
class Policy(Protocol):
    """What plays an episode."""

    @property
    def name(self) -> str:
        """A short word for folders and tables."""

    @property
    def needs_latents(self) -> bool:
        """Whether it reads the observation, such as ``[z, h]``. One that does not needs no V and M."""

    def reset(self, seed: int) -> None:
        """Begins an episode. All that the policy draws in it follows from ``seed``."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The game's action for an observation, which may be None where ``needs_latents`` is False."""


@runtime_checkable
class SB3Model(Protocol):
    """An agent of Stable-Baselines3 or sb3-contrib, or its network."""

    observation_space: gym.Space
    action_space: gym.Space

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Actions for observations, and the next state."""

    def save(self, path: Any) -> None:
        """Writes a .zip."""


AnyPolicy = Policy | SB3Model | Callable[[np.ndarray], Any] | str | os.PathLike[str]
"""What people pass as a policy: a policy, an agent, a function from observation to action, or a name or file (see
:data:`dreamgym.policies.load.POLICY_HELP`)."""


@dataclass
class RandomPolicy:
    """Draws every action uniformly from the action space."""

    codec: ActionCodec
    name: str = "random"
    needs_latents: bool = False

    def reset(self, seed: int) -> None:
        """Seeds the draws."""
        self._space = self.codec.new_space()
        self._space.seed(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """A uniform action."""
        return self._space.sample()


@dataclass
class ConstantPolicy:
    """Always takes the same action."""

    codec: ActionCodec
    action: Any
    needs_latents: bool = False

    def __post_init__(self) -> None:
        self.code = self.codec.encode(self.action)
        self.name = "constant"

    def reset(self, seed: int) -> None:
        """Does nothing: there is nothing to draw."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The action."""
        return self.codec.decode(self.code)


class CallablePolicy:
    """Any function from observation to action. Its own ``reset(seed)`` is called if it has one.

    Raises:
        PolicyError: Its ``reset`` takes no seed.
    """

    needs_latents = True

    def __init__(self, function: Callable[[np.ndarray], Any], name: str):
        self.function, self.name = function, name
        reset = getattr(function, "reset", None)
        if callable(reset) and not _takes_one(reset):
            raise PolicyError(f"policy {name!r}: its reset takes no seed, expected reset(seed)")

    def reset(self, seed: int) -> None:
        """Begins an episode."""
        reset = getattr(self.function, "reset", None)
        if callable(reset):
            reset(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The function's action."""
        assert observation is not None
        return self.function(observation)


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0)
    except TypeError:
        return False
    except ValueError:  # some compiled functions do not tell
        pass
    return True
