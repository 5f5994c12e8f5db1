"""Encodes a folder of episodes with V. Latents that are up to date are kept."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.encode_job import EncodeJob, Place, encode_group, encode_job, is_fresh
from dreamgym.data.encode_there import JOB_SECONDS, encode_there, keep_settings_there, names_there
from dreamgym.data.episodes import (
    SETTINGS_FILE,
    Episode,
    in_slice,
    list_episodes,
    read_bytes,
    read_episode,
    remove_partial,
)
from dreamgym.data.tfrecord import read_checksum
from dreamgym.errors import DataError, JobError
from dreamgym.running.files import write_whole
from dreamgym.running.jobs import Executor
from dreamgym.running.progress import Progress
from dreamgym.running.provenance import hash_arrays
from dreamgym.running.shared import Shared

_GROUP_FRAMES = 2048  # Short episodes are encoded in groups, so that batches are full.
_JOB_BYTES = 2_000_000  # of episodes in a worker's job; a frame takes about a thousandth of that


@dataclass(frozen=True)
class EncodeReport:
    """The outcome of encoding a folder."""

    folder: Path  # of the latents
    kept: int  # episodes whose latents were up to date
    made: int  # episodes that were encoded now
    failed: tuple[Path, ...]  # episode files that could not be read

    @property
    def episodes(self) -> int:
        """Episodes whose latents are up to date now."""
        return self.kept + self.made


def encode_rollouts(
    rollouts: str | Path,
    latents: str | Path,
    vision: Mapping[str, np.ndarray],
    *,
    executor: Executor | None = None,
    first_episode: int = 0,
    episodes: int | None = None,
    place: Place | None = None,
) -> EncodeReport:
    """Encodes every episode of a folder, or a slice of them, with V. Latents that this V made of the same are kept.

    Latents get the names of the episode files, and a copy of their ``collection.json``. Broken episodes are skipped
    with a warning; DataError is raised if more than half of them are broken, or if there are none. Latents without a
    readable episode are deleted. Where the executor has other machines' cores, they encode; otherwise this process
    does, on all of its own.

    With a ``place``, the executor's workers read episodes there and write latents there, and nothing there is deleted.
    ``latents`` then gets ``collection.json`` only. A RemoteError says that the place fails.
    """
    rollouts, latents, stamp = Path(rollouts), Path(latents), hash_arrays(vision)
    if place is not None:
        names = [name for name in names_there(place, rollouts) if in_slice(name, first_episode, episodes)]
        _check_slice(names, rollouts, first_episode)
        outcomes = encode_there(place, names, Shared(dict(vision)), executor)
        keep_settings_there(place, latents)
        kept, broken = sum(one.kept for one in outcomes), tuple(rollouts / one.name for one in outcomes if one.broken)
        _check_broken(len(broken), len(names), rollouts)
        return EncodeReport(latents, kept, len(names) - kept - len(broken), broken)
    paths = list_episodes(rollouts)
    if not paths:
        raise DataError(f"{rollouts} holds no episodes; collect some first")
    _clean_up(latents, {path.name for path in paths})
    paths = [path for path in paths if in_slice(path, first_episode, episodes)]
    _check_slice(paths, rollouts, first_episode)
    stale = [path for path in paths if not _is_fresh(latents / path.name, stamp, read_checksum(path))]
    failed: list[Path] = []
    if executor is not None and executor.whole_machines is not None:
        encoded = _encode_away(executor, stale, vision, failed)
    else:
        encoded = _encode_here(stale, vision, failed)
    with Progress(f"encoding {rollouts.name}", len(stale)) as progress:
        for path, content in encoded:
            write_whole(latents / path.name, content)
            progress.advance()
    if stale and (rollouts / SETTINGS_FILE).is_file():
        write_whole(latents / SETTINGS_FILE, read_bytes(rollouts / SETTINGS_FILE))
    for path in failed:
        (latents / path.name).unlink(missing_ok=True)
    _check_broken(len(failed), len(paths), rollouts)
    return EncodeReport(latents, len(paths) - len(stale), len(stale) - len(failed), tuple(failed))


def _check_slice(chosen: Sequence[Any], rollouts: Path, first: int) -> None:
    if not chosen:
        raise DataError(f"{rollouts} holds no episodes of the slice from {first} on; collect that slice first")


def _check_broken(broken: int, episodes: int, rollouts: Path) -> None:
    if 2 * broken > episodes:
        raise DataError(f"{broken} of {episodes} episodes in {rollouts} are broken; collect them again")


def _encode_here(
    stale: Sequence[Path], vision: Mapping[str, np.ndarray], failed: list[Path]
) -> Iterator[tuple[Path, bytes]]:
    """Yields the latents' files of episodes, and adds broken episodes to ``failed``."""
    if not stale:
        return
    from dreamgym.models.vision import BatchVision  # imports TensorFlow

    encoder, stamp = BatchVision(vision), hash_arrays(vision)
    for group in _groups(stale, failed):
        yield from encode_group(encoder, [(path, episode, read_checksum(path)) for path, episode in group], stamp)


def _encode_away(
    executor: Executor, stale: Sequence[Path], vision: Mapping[str, np.ndarray], failed: list[Path]
) -> Iterator[tuple[Path, bytes]]:
    """The same by an executor's workers, in any order."""
    jobs = _Jobs(stale, Shared(dict(vision)), hash_arrays(vision))
    for result in executor.run(encode_job, jobs, deadline=JOB_SECONDS):
        if result.error is not None:
            raise JobError(f"episodes from {jobs.groups[result.index][0]} on could not be encoded: {result.error}")
        by_name = {path.name: path for path in jobs.groups[result.index]}
        for encoded in result.value:
            if encoded.broken is not None:
                warnings.warn(f"skipped: {encoded.broken}", stacklevel=3)
                failed.append(by_name[encoded.name])
            else:
                yield by_name[encoded.name], encoded.content


class _Jobs(Sequence[EncodeJob]):
    """Jobs whose files are read when they are sent."""

    def __init__(self, paths: Sequence[Path], vision: Shared, stamp: str):
        self._vision, self._stamp = vision, stamp
        self.groups: list[list[Path]] = []
        size = _JOB_BYTES
        for path in paths:
            if size >= _JOB_BYTES:
                self.groups.append([])
                size = 0
            self.groups[-1].append(path)
            size += path.stat().st_size

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, number: Any) -> Any:
        group = self.groups[number]
        names, contents = tuple(path.name for path in group), tuple(map(read_bytes, group))
        return EncodeJob(self._vision, self._stamp, names, contents)


def _groups(paths: Sequence[Path], failed: list[Path]) -> Iterator[list[tuple[Path, Episode]]]:
    """Reads episodes in groups of at least ``_GROUP_FRAMES`` frames, except for the last. Adds to the broken ones."""
    group: list[tuple[Path, Episode]] = []
    for path in paths:
        try:
            group.append((path, read_episode(path)))
        except DataError as error:
            warnings.warn(f"skipped: {error}", stacklevel=3)
            failed.append(path)
            continue
        if sum(len(episode.frames) for _, episode in group) >= _GROUP_FRAMES:
            yield group
            group = []
    if group:
        yield group


def _is_fresh(path: Path, stamp: str, source: int) -> bool:
    """Whether a file holds latents that V ``stamp`` made of the episode ``source``. Warns if the file is broken."""
    if not path.is_file():
        return False
    try:
        return is_fresh(read_bytes(path), path, stamp, source)
    except DataError as error:
        warnings.warn(f"{error} - it is made anew", stacklevel=3)
        return False


def _clean_up(latents: Path, names: set[str]) -> None:
    """Deletes partial files of a killed run, and latents whose episode was deleted."""
    remove_partial(latents)
    for path in list_episodes(latents):
        if path.name not in names:
            path.unlink(missing_ok=True)
