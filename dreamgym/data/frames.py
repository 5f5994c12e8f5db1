"""V's input: the frames of many episodes, from memory where they fit and streamed where they do not."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dreamgym.data.episodes import (
    EPISODE_FORMAT,
    EPISODE_VERSION,
    decode_features,
    iterate_episodes,
    read_bytes,
    read_good,
)

MEMORY_LIMIT = 6_000_000_000  # bytes; about 490,000 frames of 64x64x3
_SHARD = 32  # episodes shuffled together when streaming


class FrameStore:
    """The frames of episode files, drawn in an order that follows from a seed and the epoch.

    Args:
        paths: Episode files.
        memory_limit: Bytes up to which all frames are kept decoded; beyond, each epoch reads them anew in shards of
            whole episodes.

    A broken file is named in a warning and left out.

    Raises:
        DataError: There is no file, or more than half of them are broken.
    """

    def __init__(self, paths: Sequence[Path], memory_limit: int = MEMORY_LIMIT):
        counted = list(read_good(paths, lambda path: (path, _count_frames(path))))
        self.paths = [path for path, _ in counted]
        self._length = sum(count for _, count in counted)
        self._frames: np.ndarray | None = None
        if len(self) * 64 * 64 * 3 <= memory_limit:
            self._frames = _read_all(self.paths)

    def __len__(self) -> int:
        return self._length

    def batches(self, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """An epoch's batches, uint8 ``(batch_size, 64, 64, 3)``; a last incomplete one is left out."""
        rng = np.random.default_rng([seed, 6, epoch])
        left = np.empty((0, 64, 64, 3), np.uint8)
        for shard in self._shards(rng):
            pool = np.concatenate([left, shard]) if len(left) else shard
            order = rng.permutation(len(pool))
            whole = len(pool) // batch_size * batch_size
            for i in range(0, whole, batch_size):
                yield pool[order[i : i + batch_size]]
            left = pool[order[whole:]]

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Up to n frames drawn from all of them, uint8 ``(n, 64, 64, 3)``."""
        rng = np.random.default_rng([seed, 8])
        if self._frames is not None:
            return self._frames[rng.permutation(len(self))[:n]]
        frames = _read_all([self.paths[i] for i in rng.permutation(len(self.paths))[:_SHARD]])
        return frames[rng.permutation(len(frames))[:n]]

    def _shards(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        if self._frames is not None:
            yield self._frames
            return
        order = rng.permutation(len(self.paths))
        for i in range(0, len(order), _SHARD):
            yield _read_all([self.paths[j] for j in order[i : i + _SHARD]])


def _count_frames(path: Path) -> int:
    """The frames in a file, which is checked to be whole but not decoded."""
    return len(decode_features(read_bytes(path), EPISODE_FORMAT, EPISODE_VERSION, path)["frames"])


def _read_all(paths: Sequence[Path]) -> np.ndarray:
    return np.concatenate([episode.frames for episode in iterate_episodes(paths)])
