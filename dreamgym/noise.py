"""What dreams draw, and in which order: the one place that decides it, so that every engine dreams the same dream."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dreamgym.dynamics import Noise

NOISE_BLOCK = 64  # steps drawn at once, which makes drawing cost next to nothing a step
_THREADED_FROM = 128  # dreams; fewer are drawn sooner than threads are woken


class DreamNoise:
    """The randomness of N dreams, each from a generator of its own.

    A dream draws, from its reset on: the start's index, the start's posterior noise, then blocks of
    :data:`NOISE_BLOCK` steps, each block's uniform numbers before its normal ones. A block is drawn when its
    first step is taken.

    Args:
        generators: One a dream; the list is kept, not copied, so that a reseeded entry counts from then on.
        latent_size: Z.
    """

    def __init__(self, generators: Sequence[np.random.Generator], latent_size: int):
        self.generators = generators
        self.uniform = np.empty((len(generators), NOISE_BLOCK, latent_size), np.float32)
        self.normal = np.empty_like(self.uniform)

    def draw_start(self, dream: int, n_starts: int, n_steps: int) -> tuple[int, np.ndarray]:
        """The index of a start among ``n_starts`` and the posterior noise of its steps, ``(n_steps, Z)``."""
        generator = self.generators[dream]
        index = int(generator.integers(n_starts))
        return index, generator.standard_normal((n_steps, self.uniform.shape[-1]), np.float32)

    def draw_block(self, dream: int) -> None:
        """Draws a dream's next block in place."""
        self.generators[dream].random(out=self.uniform[dream], dtype=np.float32)
        self.generators[dream].standard_normal(out=self.normal[dream], dtype=np.float32)

    def draw_blocks(self, dreams: Iterable[int]) -> None:
        """Draws the next block of several dreams, on two threads where that is quicker."""
        dreams = list(dreams)
        if len(dreams) < _THREADED_FROM:
            self._draw_in_turn(dreams)
            return
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._draw_in_turn, (dreams[::2], dreams[1::2])))

    def _draw_in_turn(self, dreams: list[int]) -> None:
        for dream in dreams:
            self.draw_block(dream)

    def at(self, dream: int, step: int) -> Noise:
        """A step's noise of one dream, ``(Z,)`` each, ``step`` counted from the block's first."""
        return Noise(self.uniform[dream, step], self.normal[dream, step])
