"""Episodes to encode as a job for a worker."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dreamgym.data.episodes import Episode, Steps, decode_episode
from dreamgym.data.latents import LatentEpisode, encode_latents
from dreamgym.data.tfrecord import checksum_of
from dreamgym.errors import DataError
from dreamgym.running.shared import Files, Shared


@dataclass(frozen=True)
class EncodeJob:
    """Episode files to encode together."""

    vision: Shared  # V's arrays
    stamp: str  # their hash
    names: tuple[str, ...]  # of the files
    contents: tuple[bytes, ...] = ()  # of the files; none where the worker reads them from ``rollouts``
    rollouts: Files | None = None  # where the worker reads episodes
    latents: Files | None = None  # where the worker writes latents; None sends them back


@dataclass(frozen=True)
class Encoded:
    """The latents of one episode, or why there are none."""

    name: str  # of the file
    content: bytes | None = None  # the latents' file, if it is sent back
    broken: str | None = None  # why the episode cannot be read


def encode_job(job: EncodeJob) -> list[Encoded]:
    """Encodes a job's episodes. A worker keeps V between jobs."""
    contents = job.contents or [_read(job.rollouts, name) for name in job.names]
    outcomes, good = [], []
    for name, content in zip(job.names, contents, strict=True):
        try:
            good.append((name, decode_episode(content, name), checksum_of(content)))
        except DataError as error:
            outcomes.append(Encoded(name, broken=str(error)))
    for name, content in encode_group(_encoder(job.vision), good, job.stamp):
        if job.latents is not None:
            job.latents.put(name, content)
        outcomes.append(Encoded(name, None if job.latents is not None else content))
    return outcomes


def encode_group(encoder: Any, group: Sequence[tuple[Any, Episode, int]], stamp: str) -> Iterator[tuple[Any, bytes]]:
    """Encodes episodes ``(name, episode, checksum of its file)`` in one batch. Yields names and files of latents."""
    if not group:
        return
    mu, logvar = encoder.encode(np.concatenate([episode.frames for _, episode, _ in group]))
    edges = np.cumsum([len(episode.frames) for _, episode, _ in group])[:-1]
    for (name, episode, source), m, v in zip(group, np.split(mu, edges), np.split(logvar, edges), strict=True):
        steps = {field.name: getattr(episode, field.name) for field in dataclasses.fields(Steps)}
        yield name, encode_latents(LatentEpisode(**steps, mu=m, logvar=v, stamp=stamp, source=source))


def _read(files: Files | None, name: str) -> bytes:
    assert files is not None
    return files.get(name)


_last: list[tuple[Mapping[str, np.ndarray], Any]] = []  # the arrays of the last V, and its encoder


def _encoder(vision: Shared) -> Any:
    from dreamgym.models.vision import BatchVision  # imports TensorFlow

    if not _last or _last[0][0] is not vision.value:
        _last[:] = [(vision.value, BatchVision(vision.value))]
    return _last[0][1]
