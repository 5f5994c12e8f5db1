"""V's input pipeline: shuffled batches of the frames of many episodes, from memory or streamed from files."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dreamgym.data.episodes import EPISODE_FORMAT, decode_features, read_bytes, read_episodes, read_good
from dreamgym.data.tfrecord import read_checksum
from dreamgym.running.seeding import Stream, generator

MEMORY_LIMIT = 6_000_000_000  # bytes; about 490,000 frames of 64x64x3
_SHARD = 32  # Episodes that are decoded and shuffled together when streaming.


class FrameStore:
    """The frames of episode files. Bad files are handled as by :func:`dreamgym.data.episodes.read_good`.

    If all decoded frames take at most ``memory_limit`` bytes, they are kept in memory. Otherwise every epoch reads the
    files again, in shards of whole episodes. ``first_steps`` leaves out what comes after so many steps of an episode.
    """

    def __init__(self, paths: Sequence[Path], memory_limit: int = MEMORY_LIMIT, first_steps: int | None = None):
        self._kept = None if first_steps is None else first_steps + 1  # frames of an episode
        counted = list(read_good(paths, lambda path: (path, self._count(path))))
        self.paths = [path for path, _ in counted]  # without bad files
        self.fingerprint = hashlib.sha256(str([read_checksum(path) for path in self.paths]).encode()).hexdigest()
        self._length = sum(count for _, count in counted)
        self._frames = self._read(self.paths) if len(self) * 64 * 64 * 3 <= memory_limit else None

    def __len__(self) -> int:
        return self._length

    def batches(self, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """Yields the batches of an epoch, uint8 ``(batch_size, 64, 64, 3)``. An incomplete last batch is left out.

        The order follows from seed and epoch. Frames are shuffled within a shard when streaming, else all together.
        """
        rng = generator(seed, Stream.VISION_BATCHES, epoch)
        left = np.empty((0, 64, 64, 3), np.uint8)
        for shard in self._shards(rng):
            pool = np.concatenate([left, shard]) if len(left) else shard
            order = rng.permutation(len(pool))
            whole = len(pool) // batch_size * batch_size
            for i in range(0, whole, batch_size):
                yield pool[order[i : i + batch_size]]
            left = pool[order[whole:]]

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Samples up to n different frames, uint8 ``(n, 64, 64, 3)``: when streaming, from 32 random episodes only."""
        rng = generator(seed, Stream.HELD_OUT_FRAMES)
        if self._frames is not None:
            return self._frames[rng.permutation(len(self))[:n]]
        frames = self._read([self.paths[i] for i in rng.permutation(len(self.paths))[:_SHARD]])
        return frames[rng.permutation(len(frames))[:n]]

    def _shards(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        if self._frames is not None:
            yield self._frames
            return
        order = rng.permutation(len(self.paths))
        for i in range(0, len(order), _SHARD):
            yield self._read([self.paths[j] for j in order[i : i + _SHARD]])

    def _count(self, path: Path) -> int:
        """The number of frames that a file gives. Checks the record, but does not decode the frames."""
        return len(decode_features(read_bytes(path), EPISODE_FORMAT, path)["frames"][: self._kept])

    def _read(self, paths: Sequence[Path]) -> np.ndarray:
        return np.concatenate([episode.frames[: self._kept] for episode in read_episodes(paths)])
