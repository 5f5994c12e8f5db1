"""The random numbers of dreams. The order in which they are drawn is the same for every stepper."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dreamgym.models.dynamics import Noise

NOISE_BLOCK = 64  # steps drawn at once; the cost per step of a NumPy call is then negligible
_THREADED_FROM = 128  # dreams; for fewer, starting threads takes longer than they save


class DreamNoise:
    """The random numbers of N dreams. Each dream has its own generator.

    After its reset a dream draws the index of its start, then the posterior noise of that start, then blocks of
    :data:`NOISE_BLOCK` steps: all uniform numbers of a block, then all normal ones. The caller draws a block just
    before the block's first step. ``generators`` is not copied: the caller replaces an entry to reseed a dream.

    Attributes:
        uniform: The current blocks, ``(N, NOISE_BLOCK, Z)`` float32 in [0, 1).
        normal: The current blocks, ``(N, NOISE_BLOCK, Z)`` float32.
    """

    def __init__(self, generators: Sequence[np.random.Generator], latent_size: int):
        self.generators = generators
        self.uniform = np.empty((len(generators), NOISE_BLOCK, latent_size), np.float32)
        self.normal = np.empty_like(self.uniform)

    def draw_start(self, dream: int, n_starts: int, n_steps: int) -> tuple[int, np.ndarray]:
        """Draws an index below ``n_starts`` and the posterior noise of a start, ``(n_steps, Z)`` float32."""
        generator = self.generators[dream]
        index = int(generator.integers(n_starts))
        return index, generator.standard_normal((n_steps, self.uniform.shape[-1]), np.float32)

    def draw_block(self, dream: int) -> None:
        """Replaces the block of one dream by its next one."""
        self.generators[dream].random(out=self.uniform[dream], dtype=np.float32)
        self.generators[dream].standard_normal(out=self.normal[dream], dtype=np.float32)

    def draw_blocks(self, dreams: Iterable[int]) -> None:
        """Replaces the blocks of several dreams by their next ones, on two threads if there are many dreams."""
        dreams = list(dreams)
        if len(dreams) < _THREADED_FROM:
            self._draw_in_turn(dreams)
            return
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._draw_in_turn, (dreams[::2], dreams[1::2])))

    def _draw_in_turn(self, dreams: list[int]) -> None:
        for dream in dreams:
            self.draw_block(dream)

    def steps(self, n_steps: int) -> Noise:
        """Draws the numbers of the next steps of all dreams, ``(N, n_steps, Z)`` each."""
        blocks = []
        for _ in range(0, n_steps, NOISE_BLOCK):
            self.draw_blocks(range(len(self.generators)))
            blocks.append((self.uniform.copy(), self.normal.copy()))
        return Noise(*(np.concatenate(parts, axis=1)[:, :n_steps] for parts in zip(*blocks, strict=True)))

    def at(self, dream: int, step: int) -> Noise:
        """Views of one dream's numbers ``(Z,)`` for a step, counted from the first step of the current block."""
        return Noise(self.uniform[dream, step], self.normal[dream, step])
