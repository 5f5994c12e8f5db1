"""Random streams: every generator that follows from a seed is made here, so that no two of them are the same.

A dream's own generator is the exception: it is seeded with the dream's seed alone, as Gymnasium seeds an env.
"""

from enum import IntEnum, unique

import numpy as np

from dreamgym.errors import SettingsError


@unique
class Stream(IntEnum):
    """What a generator is for. The value is part of its seed, so a value must never be reused."""

    VISION_WEIGHTS = 1
    MEMORY_WEIGHTS = 2
    EXPLORATION = 3
    POSTERIOR = 4  # V's posterior noise along a real episode
    STARTS = 5
    VISION_BATCHES = 6
    DROPOUT = 7
    HELD_OUT_FRAMES = 8
    HELD_OUT_EPISODES = 9
    SEARCH = 11
    TRAINING_EPISODES = 12
    MEMORY_BATCHES = 13
    UNTRAINED_MEMORY = 14
    FIDELITY = 15
    OPEN_LOOP = 16  # the dream beside a filmed real episode
    COLLECTION = 17  # how a collected episode begins, and how noisy it is
    REPORT = 18  # the dream beside the held-out episodes of a report
    ENDS = 19  # V's posterior noise along held-out episodes whose ends M is asked for
    MEMORY_NOISE = 20  # V's posterior noise and the input noise in M's training
    HELD_OUT_LATENTS = 21  # V's posterior noise in the sequences that judge M's training
    EVALUATION = 2**31
    SELECTION = 3 * 2**30


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """A generator for one purpose. ``index`` picks one of several, for example an epoch.

    A stream takes the same number of indices everywhere: to NumPy ``[seed, stream]`` and ``[seed, stream, 0]`` are one.
    A seed that is no whole number of 0 or more raises a SettingsError.
    """
    _check(seed)
    return np.random.default_rng([seed, stream, *index])


def derive_seed(seed: int, index: int, bits: int = 31) -> int:
    """A new seed below ``2**bits`` (at most 62 bits) from a seed and an index."""
    _check(seed)
    sequence = np.random.SeedSequence([seed, index])
    if bits > 32:
        return int(sequence.generate_state(1, np.uint64)[0] >> (64 - bits))
    return int(sequence.generate_state(1)[0] >> (32 - bits))


def evaluation_seeds(seed: int, n: int) -> list[int]:
    """Seeds of n episodes to report scores on. The first k seeds are the same for every n.

    Training uses seeds below ``2**31``, evaluation uses ``2**31`` and above, :func:`selection_seeds` uses
    ``3 * 2**30`` and above. So no score is measured on an episode that was trained on or selected by.
    """
    return _consecutive_seeds(seed, Stream.EVALUATION, n)


def selection_seeds(seed: int, n: int) -> list[int]:
    """Seeds of n episodes to select checkpoints by, disjoint from training and evaluation seeds."""
    return _consecutive_seeds(seed, Stream.SELECTION, n)


def training_seeds(seed: int, n: int) -> tuple[int, ...]:
    """Seeds of n training episodes, below ``2**31``."""
    return tuple(int(s) for s in generator(seed, Stream.TRAINING_EPISODES).integers(2**31, size=n))


def _consecutive_seeds(seed: int, stream: Stream, n: int) -> list[int]:
    base = stream + int(generator(seed, stream).integers(2**29))
    return list(range(base, base + n))


def _check(seed: int) -> None:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise SettingsError(f"seed is {seed!r}, expected a whole number of 0 or more")
