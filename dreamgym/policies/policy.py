"""The policy interface, and the policies that do not learn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dreamgym.actions import ActionCodec


class Policy(Protocol):
    """What plays an episode."""

    @property
    def name(self) -> str:
        """A short word for folders and tables."""

    @property
    def needs_latents(self) -> bool:
        """Whether it reads the observation ``[z, h]``. One that does not needs no V and M."""

    def reset(self, seed: int) -> None:
        """Begins an episode. All that the policy draws in it follows from ``seed``."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The game's action for an observation ``[z, h]``, which may be None where ``needs_latents`` is False."""


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
    """Any function from observation to action. Its own ``reset(seed)`` is called if it has one."""

    needs_latents = True

    def __init__(self, function: Callable[[np.ndarray], Any], name: str):
        self.function, self.name = function, name

    def reset(self, seed: int) -> None:
        """Begins an episode."""
        reset = getattr(self.function, "reset", None)
        if callable(reset):
            reset(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The function's action."""
        assert observation is not None
        return self.function(observation)
