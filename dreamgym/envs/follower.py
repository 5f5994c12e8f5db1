"""Observations of real games as in the dream: V encodes frames, M reads latents and actions. Loads no TensorFlow."""

import copy
from collections.abc import Sequence

import numpy as np

from dreamgym.models import vision_numpy
from dreamgym.models.dynamics import lstm_step, sample_posterior
from dreamgym.running.threads import one_thread
from dreamgym.world_model import WorldModel


class BatchFollower:
    """Observations of n real games that are played in lockstep."""

    z: np.ndarray  # ``(n, Z)`` float32, samples of V's posterior for the last frames
    h: np.ndarray  # ``(n, H)`` float32, M's output after all steps before ``z``
    c: np.ndarray  # ``(n, H)`` float32, M's cell state

    def __init__(self, world_model: WorldModel):
        self.world_model = world_model

    def reset(self, frames: np.ndarray, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """Starts n games.

        Args:
            frames: The first frames, ``(n, 64, 64, 3)`` uint8.
            rngs: One generator per game. It samples the game's ``z``.

        Returns:
            Observations ``(n, O)`` float32, a new array.
        """
        self.rngs = list(rngs)
        self.h = np.zeros((len(frames), self.world_model.hidden_size), np.float32)
        self.c = np.zeros_like(self.h)
        return self._observe(frames)

    def step(self, frames: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Reads one step of every game.

        Args:
            frames: The frames after the actions, ``(n, 64, 64, 3)`` uint8.
            codes: The coded actions, ``(n, A)``.

        Returns:
            Observations ``(n, O)`` float32, a new array.
        """
        codes = np.asarray(codes, np.float32)
        with one_thread():
            self.h, self.c = lstm_step(np, self.world_model.memory, self.z, codes, (self.h, self.c))
        return self._observe(frames)

    def keep(self, games: Sequence[int]) -> None:
        """Keeps the games with these indices and drops the others.

        An index may occur twice: each game that repeats it gets a copy of the generator.
        """
        self.z, self.h, self.c = self.z[games], self.h[games], self.c[games]
        self.rngs = [self.rngs[i] if i not in games[:k] else copy.deepcopy(self.rngs[i]) for k, i in enumerate(games)]

    def _observe(self, frames: np.ndarray) -> np.ndarray:
        mu, logvar = vision_numpy.encode(self.world_model.vision, frames)
        normal = np.stack([rng.standard_normal(mu.shape[1], np.float32) for rng in self.rngs])
        self.z = sample_posterior(np, mu, logvar, normal)
        return self.world_model.observation(self.z, self.h, self.c)
