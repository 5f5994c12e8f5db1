"""Policies that explore: noise that persists over steps, by itself or on another policy's actions."""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import PolicyError
from dreamgym.policies.policy import Policy
from dreamgym.running.seeding import Stream, generator
from dreamgym.tasks import Exploration


class SmoothNoise:
    """Correlated noise on a coded Box action; for a Discrete space, actions that are held for 1 to 10 steps.

    Without an exploration the noise covers the Box. ``seed`` decides the path, ``scale`` multiplies the standard
    deviation.
    """

    def __init__(self, codec: ActionCodec, exploration: Exploration | None, seed: int, scale: float = 1.0):
        self.codec, self.scale = codec, scale
        self.exploration = exploration or _cover(codec)
        sizes = {len(self.exploration.mean), len(self.exploration.scale)}
        if isinstance(codec.space, gym.spaces.Box) and sizes != {codec.size}:
            raise PolicyError(
                f"exploration {self.exploration} does not fit {codec.space}; expected {codec.size} numbers"
            )
        self.mean, self._sd = np.asarray(self.exploration.mean), np.asarray(self.exploration.scale)
        self._innovation = np.sqrt(1 - self.exploration.correlation**2)
        self._rng = generator(seed, Stream.EXPLORATION)
        self._held, self._steps_left = 0, 0
        self._offset = self._rng.standard_normal(len(self._sd)) * self._sd

    def next_offset(self) -> np.ndarray:
        """The next offset from the mean, float64, one number per number of a Box action."""
        fresh = self._rng.standard_normal(len(self._offset)) * self._sd
        self._offset = self.exploration.correlation * self._offset + self._innovation * fresh
        return self._offset * self.scale

    def next_choice(self) -> np.ndarray:
        """The one-hot code of a random Discrete action, which is drawn anew every 1 to 10 steps."""
        if self._steps_left == 0:
            self._held, self._steps_left = int(self._rng.integers(self.codec.size)), int(self._rng.integers(1, 11))
        self._steps_left -= 1
        return np.eye(self.codec.size, dtype=np.float32)[self._held]

    def uniform(self) -> float:
        """A number in [0, 1) from the same generator."""
        return float(self._rng.random())


@dataclass
class SmoothedRandomPolicy:
    """Random actions that persist for several steps. They move a car much further than white noise does."""

    codec: ActionCodec
    exploration: Exploration | None = None
    name: str = "smoothed"
    needs_latents: bool = False

    def reset(self, seed: int) -> None:
        """Begins an episode."""
        self._noise = SmoothNoise(self.codec, self.exploration, seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The next action."""
        if isinstance(self.codec.space, gym.spaces.Discrete):
            return self.codec.decode(self._noise.next_choice())
        return self.codec.decode(self._noise.next_offset() + self._noise.mean)


@dataclass
class NoisyPolicy:
    """Another policy with smooth noise on its actions: what collects on-policy data.

    ``scale`` multiplies the task's exploration noise. For a Discrete space it is the probability per step that a random
    action replaces the policy's.
    """

    policy: Policy
    codec: ActionCodec
    exploration: Exploration | None  # the task's
    scale: float

    def __post_init__(self) -> None:
        self.name, self.needs_latents = self.policy.name, self.policy.needs_latents

    def reset(self, seed: int) -> None:
        """Begins an episode."""
        self.policy.reset(seed)
        self._noise = SmoothNoise(self.codec, self.exploration, seed, self.scale)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The disturbed action."""
        action = self.policy(observation)
        if isinstance(self.codec.space, gym.spaces.Discrete):
            choice, chance = self._noise.next_choice(), self._noise.uniform()
            return self.codec.decode(choice) if chance < self.scale else action
        return self.codec.decode(self.codec.encode(action) + self._noise.next_offset())


def _cover(codec: ActionCodec) -> Exploration:
    if isinstance(codec.space, gym.spaces.Discrete):
        return Exploration(mean=(), scale=())
    assert isinstance(codec.space, gym.spaces.Box)
    low, high = codec.space.low.reshape(-1), codec.space.high.reshape(-1)
    return Exploration(tuple(((low + high) / 2).tolist()), tuple(((high - low) / 2).tolist()))
