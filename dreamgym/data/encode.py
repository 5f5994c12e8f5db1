"""Encodes a folder of episodes with V. Latents that are up to date are kept."""

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.episodes import (
    SETTINGS_FILE,
    Episode,
    Steps,
    in_slice,
    list_episodes,
    read_bytes,
    read_episode,
    remove_partial,
)
from dreamgym.data.latents import LatentEpisode, decode_latents, encode_latents
from dreamgym.data.tfrecord import read_checksum
from dreamgym.errors import DataError
from dreamgym.running.files import write_whole
from dreamgym.running.progress import Progress
from dreamgym.running.provenance import hash_arrays

_GROUP_FRAMES = 2048  # Short episodes are encoded in groups, so that batches are full.


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
    first_episode: int = 0,
    episodes: int | None = None,
) -> EncodeReport:
    """Encodes every episode of a folder, or a slice of them, with V. Latents that this V made of the same are kept.

    Latents get the names of the episode files, and a copy of their ``collection.json``. Broken episodes are skipped
    with a warning; DataError is raised if more than half of them are broken, or if there are none. Latents without a
    readable episode are deleted.
    """
    rollouts, latents, stamp = Path(rollouts), Path(latents), hash_arrays(vision)
    paths = list_episodes(rollouts)
    if not paths:
        raise DataError(f"{rollouts} holds no episodes; collect some first")
    _clean_up(latents, {path.name for path in paths})
    paths = [path for path in paths if in_slice(path, first_episode, episodes)]
    if not paths:
        raise DataError(f"{rollouts} holds no episodes of the slice from {first_episode} on; collect that slice first")
    stale = [path for path in paths if not _is_fresh(latents / path.name, stamp, read_checksum(path))]
    failed: list[Path] = []
    if stale:
        from dreamgym.models.vision import BatchVision  # imports TensorFlow

        encoder = BatchVision(vision)
    with Progress(f"encoding {rollouts.name}", len(stale)) as progress:
        for group in _groups(stale, failed):
            for path, content in _encode_group(encoder, group, stamp):
                write_whole(latents / path.name, content)
                progress.advance()
    if stale and (rollouts / SETTINGS_FILE).is_file():
        write_whole(latents / SETTINGS_FILE, read_bytes(rollouts / SETTINGS_FILE))
    for path in failed:
        (latents / path.name).unlink(missing_ok=True)
    if 2 * len(failed) > len(paths):
        raise DataError(f"{len(failed)} of {len(paths)} episodes in {rollouts} are broken; collect them again")
    return EncodeReport(latents, len(paths) - len(stale), len(stale) - len(failed), tuple(failed))


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


def _encode_group(encoder: Any, group: list[tuple[Path, Episode]], stamp: str) -> Iterator[tuple[Path, bytes]]:
    mu, logvar = encoder.encode(np.concatenate([episode.frames for _, episode in group]))
    edges = np.cumsum([len(episode.frames) for _, episode in group])[:-1]
    for (path, episode), m, v in zip(group, np.split(mu, edges), np.split(logvar, edges), strict=True):
        steps = {field.name: getattr(episode, field.name) for field in dataclasses.fields(Steps)}
        latents = LatentEpisode(**steps, mu=m, logvar=v, stamp=stamp, source=read_checksum(path))
        yield path, encode_latents(latents)


def _is_fresh(path: Path, stamp: str, source: int) -> bool:
    """Whether a file holds latents that V ``stamp`` made of the episode ``source``. Warns if the file is broken."""
    if not path.is_file():
        return False
    try:
        episode = decode_latents(read_bytes(path), path)
    except DataError as error:
        warnings.warn(f"{error} - it is made anew", stacklevel=3)
        return False
    return episode.stamp == stamp and episode.source == source


def _clean_up(latents: Path, names: set[str]) -> None:
    """Deletes partial files of a killed run, and latents whose episode was deleted."""
    remove_partial(latents)
    for path in list_episodes(latents):
        if path.name not in names:
            path.unlink(missing_ok=True)
