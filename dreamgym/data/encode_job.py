"""Episodes to encode as a job for a worker."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.episodes import Episode, Steps, decode_episode
from dreamgym.data.latents import LatentEpisode, decode_latents, encode_latents
from dreamgym.data.tfrecord import checksum_of
from dreamgym.errors import DataError
from dreamgym.running.shared import Files, Shared
from dreamgym.storage.faults import DamageError, MissingObjectError


@dataclass(frozen=True)
class EncodeJob:
    """Episode files to encode together."""

    vision: Shared  # V's arrays
    stamp: str  # their hash
    names: tuple[str, ...]  # of the files
    contents: tuple[bytes, ...] = ()  # of the files; none where the worker reads them elsewhere
    place: "Place | None" = None  # where that is, and where it writes latents; None sends them back


@dataclass(frozen=True)
class Place:
    """Where every machine reaches the episodes and their latents."""

    rollouts: Files
    latents: Files


@dataclass(frozen=True)
class Encoded:
    """The latents of one episode, or why there are none."""

    name: str  # of the file
    content: bytes | None = None  # the latents' file, if it is sent back
    broken: str | None = None  # why the episode cannot be read
    kept: bool = False  # whether its latents were up to date
    mended: str | None = None  # what was wrong with latents that were broken, and were made anew


def encode_job(job: EncodeJob) -> list[Encoded]:
    """Encodes a job's episodes, except for those whose latents are up to date. A worker keeps V between jobs."""
    outcomes: list[Encoded] = []
    good: list[tuple[str, Episode, int]] = []
    stale: dict[str, str | None] = {}  # latents that are there and are made anew, and what is wrong with broken ones
    for number, name in enumerate(job.names):
        try:
            content = _read(job, number)
            source = checksum_of(content)
            if job.place is not None and _has_fresh(job.place.latents, name, (job.stamp, source), stale):
                outcomes.append(Encoded(name, kept=True))
            else:
                good.append((name, decode_episode(content, name), source))
        except (DataError, DamageError) as error:
            outcomes.append(Encoded(name, broken=str(error)))
    for name, content in encode_group(_encoder(job.vision), good, job.stamp) if good else ():
        if job.place is not None:
            job.place.latents.without(stale.keys()).put(name, content)
        outcomes.append(Encoded(name, None if job.place is not None else content, mended=stale.get(name)))
    return outcomes


def is_fresh(content: bytes, name: str | Path, stamp: str, source: int) -> bool:
    """Whether a file holds latents that V ``stamp`` made of the episode ``source``. A broken file is a DataError."""
    episode = decode_latents(content, name)
    return episode.stamp == stamp and episode.source == source


def _has_fresh(latents: Files, name: str, origin: tuple[str, int], stale: dict[str, str | None]) -> bool:
    try:
        if is_fresh(latents.get(name), name, *origin):
            return True
        stale[name] = None
    except MissingObjectError:
        pass
    except (DataError, DamageError) as error:
        stale[name] = str(error)
    return False


def _read(job: EncodeJob, number: int) -> bytes:
    return job.contents[number] if job.place is None else job.place.rollouts.get(job.names[number])


def encode_group(encoder: Any, group: Sequence[tuple[Any, Episode, int]], stamp: str) -> Iterator[tuple[Any, bytes]]:
    """Encodes episodes ``(name, episode, checksum of its file)`` in one batch. Yields names and files of latents."""
    if not group:
        return
    mu, logvar = encoder.encode(np.concatenate([episode.frames for _, episode, _ in group]))
    edges = np.cumsum([len(episode.frames) for _, episode, _ in group])[:-1]
    for (name, episode, source), m, v in zip(group, np.split(mu, edges), np.split(logvar, edges), strict=True):
        steps = {field.name: getattr(episode, field.name) for field in dataclasses.fields(Steps)}
        yield name, encode_latents(LatentEpisode(**steps, mu=m, logvar=v, stamp=stamp, source=source))


_last: list[tuple[Mapping[str, np.ndarray], Any]] = []  # the arrays of the last V, and its encoder


def _encoder(vision: Shared) -> Any:
    from dreamgym.models.vision import BatchVision  # imports TensorFlow

    if not _last or _last[0][0] is not vision.value:
        _last[:] = [(vision.value, BatchVision(vision.value))]
    return _last[0][1]
