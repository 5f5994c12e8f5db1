"""Latents: what V makes of collected episodes, one file an episode, stamped with the V that made them."""

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.episodes import Episode, decode_features, list_episodes, read_bytes, read_episode, read_good
from dreamgym.data.tfrecord import encode_example, encode_record
from dreamgym.errors import DataError
from dreamgym.files import write_whole
from dreamgym.progress import Progress

LATENTS_FORMAT, LATENTS_VERSION = b"dreamgym latents", 1
_FRAMES_TOGETHER = 2048  # short episodes are encoded together, so that batches are full


@dataclass(frozen=True)
class LatentEpisode:
    """An episode of T steps as M is trained on it.

    Attributes:
        mu: ``(T + 1, Z)`` float32, one row a frame.
        logvar: ``(T + 1, Z)`` float32.
        actions: ``(T, A)`` float32, coded.
        rewards: ``(T,)`` float32, the game's own.
        targets: ``(T,)`` float32.
        terminated: ``(T,)`` bool.
        truncated: Whether the last step was not the game's end.
        seed: The episode's.
        stamp: V's, see :func:`vision_stamp`.
        source: The checksum of the episode's file.
    """

    mu: np.ndarray
    logvar: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    targets: np.ndarray
    terminated: np.ndarray
    truncated: bool
    seed: int
    stamp: str
    source: int

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class EncodeReport:
    """What encoding came to.

    Attributes:
        folder: Where the latents lie.
        kept: Episodes whose latents were there already.
        made: Episodes that were encoded now.
        failed: Files of episodes that are broken.
    """

    folder: Path
    kept: int
    made: int
    failed: tuple[Path, ...]

    @property
    def episodes(self) -> int:
        """Episodes that have latents now."""
        return self.kept + self.made


def vision_stamp(arrays: Mapping[str, np.ndarray]) -> str:
    """A hash of V's arrays: the same numbers give the same stamp, whatever file they come from."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], np.float32)
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def encode_rollouts(rollouts: str | Path, latents: str | Path, vision: Mapping[str, np.ndarray]) -> EncodeReport:
    """Encodes every episode of a folder with V; latents that this V made of these episodes are kept.

    Args:
        rollouts: A folder of episodes.
        latents: The folder for theirs, under the same names.
        vision: V's arrays.

    Raises:
        DataError: There are no episodes, or more than half of them are broken.
    """
    rollouts, latents, stamp = Path(rollouts), Path(latents), vision_stamp(vision)
    paths = list_episodes(rollouts)
    if not paths:
        raise DataError(f"{rollouts} holds no episodes; collect some first")
    for part in latents.glob(".episode-*.part"):
        part.unlink(missing_ok=True)
    stale = [path for path in paths if not _is_fresh(latents / path.name, stamp, _source(path))]
    _remove_orphans(latents, paths)
    done: set[Path] = set()
    with Progress(f"encoding {rollouts.name}", len(stale)) as progress:
        encoder = _encoder(vision) if stale else None
        for group in _groups(stale, len(paths)):
            for path, content in _encode_group(encoder, group, stamp):
                write_whole(latents / path.name, content)
                done.add(path)
                progress.advance()
    failed = tuple(path for path in stale if path not in done)
    for path in failed:
        (latents / path.name).unlink(missing_ok=True)
    if 2 * len(failed) > len(paths):
        raise DataError(f"{len(failed)} of {len(paths)} episodes in {rollouts} are broken; collect them again")
    return EncodeReport(latents, len(paths) - len(stale), len(done), failed)


def _encoder(vision: Mapping[str, np.ndarray]) -> Any:
    from dreamgym.vision import BatchVision

    return BatchVision(vision)


def _groups(paths: Sequence[Path], n_paths: int) -> Iterator[list[tuple[Path, Episode]]]:
    """Episodes with about as many frames together as are worth a call of V; broken ones are left out."""
    group: list[tuple[Path, Episode]] = []
    for path in paths:
        try:
            group.append((path, read_episode(path)))
        except DataError as error:
            warnings.warn(f"skipped: {error}", stacklevel=3)
            continue
        if sum(len(episode.frames) for _, episode in group) >= _FRAMES_TOGETHER:
            yield group
            group = []
    if group:
        yield group


def _encode_group(encoder: Any, group: list[tuple[Path, Episode]], stamp: str) -> Iterator[tuple[Path, bytes]]:
    mu, logvar = encoder.encode(np.concatenate([episode.frames for _, episode in group]))
    edges = np.cumsum([len(episode.frames) for _, episode in group])[:-1]
    for (path, episode), m, v in zip(group, np.split(mu, edges), np.split(logvar, edges), strict=True):
        yield path, encode_latents(make_latents(episode, m, v, stamp, _source(path)))


def make_latents(episode: Episode, mu: np.ndarray, logvar: np.ndarray, stamp: str, source: int) -> LatentEpisode:
    """An episode with V's posterior over its frames in their place."""
    return LatentEpisode(
        mu=mu,
        logvar=logvar,
        actions=episode.actions,
        rewards=episode.rewards,
        targets=episode.targets,
        terminated=episode.terminated,
        truncated=episode.truncated,
        seed=episode.seed,
        stamp=stamp,
        source=source,
    )


def encode_latents(episode: LatentEpisode) -> bytes:
    """Latents as the content of a file."""
    example = encode_example(
        {
            "format": [LATENTS_FORMAT],
            "version": [LATENTS_VERSION],
            "stamp": [episode.stamp.encode()],
            "source": [episode.source],
            "mu": episode.mu,
            "logvar": episode.logvar,
            "actions": episode.actions,
            "rewards": episode.rewards,
            "targets": episode.targets,
            "terminated": [int(flag) for flag in episode.terminated],
            "truncated": [int(episode.truncated)],
            "seed": [episode.seed],
        }
    )
    return encode_record(example)


def decode_latents(content: bytes, name: str | Path = "the latents") -> LatentEpisode:
    """The latents that :func:`encode_latents` made bytes of; ``name`` is what an error calls them.

    Raises:
        DataError: The content is truncated, altered, foreign or of a later format.
    """
    features = decode_features(content, LATENTS_FORMAT, LATENTS_VERSION, name)
    try:
        n_steps = len(features["rewards"])
        return LatentEpisode(
            mu=features["mu"].reshape(n_steps + 1, -1),
            logvar=features["logvar"].reshape(n_steps + 1, -1),
            actions=features["actions"].reshape(n_steps, -1),
            rewards=features["rewards"].reshape(n_steps),
            targets=features["targets"].reshape(n_steps),
            terminated=np.array(features["terminated"], bool).reshape(n_steps),
            truncated=bool(features["truncated"][0]),
            seed=features["seed"][0],
            stamp=features["stamp"][0].decode(),
            source=features["source"][0],
        )
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise DataError(f"{name} holds no whole latents ({error}); delete it and encode again") from error


def read_latents(folders: str | Path | Iterable[str | Path], stamp: str | None = None) -> list[LatentEpisode]:
    """Reads the latents of one or more folders; a bad file is named in a warning and left out.

    Args:
        folders: Folders that :func:`encode_rollouts` wrote.
        stamp: V's; latents of another V count as bad. None takes the first file's: all must be of one V.

    Raises:
        DataError: There are none, or more than half of them are broken or stale.
    """
    chosen = [folders] if isinstance(folders, str | Path) else list(folders)
    expected = stamp

    def read(path: Path) -> LatentEpisode:
        nonlocal expected
        episode = decode_latents(read_bytes(path), path)
        expected = expected or episode.stamp
        if episode.stamp != expected:
            raise DataError(f"{path} is stale: another V made it; encode its rollouts again")
        return episode

    paths = [path for folder in chosen for path in list_episodes(Path(folder))]
    if not paths:
        raise DataError(f"no latents in {[str(folder) for folder in chosen]}; make some with encode_rollouts first")
    return list(read_good(paths, read))


def _source(path: Path) -> int:
    """The checksum at the end of a record's file, which tells one episode from another without reading it all."""
    try:
        with path.open("rb") as file:
            file.seek(-4, 2)
            return int.from_bytes(file.read(4), "little")
    except OSError:
        return 0


def _is_fresh(path: Path, stamp: str, source: int) -> bool:
    if not path.is_file():
        return False
    try:
        episode = decode_latents(read_bytes(path), path)
    except DataError as error:
        warnings.warn(f"{error} - it is made anew", stacklevel=3)
        return False
    return episode.stamp == stamp and episode.source == source


def _remove_orphans(latents: Path, episodes: Sequence[Path]) -> None:
    """Latents whose episode is gone belong to nothing that can be checked or made again."""
    names = {path.name for path in episodes}
    for path in list_episodes(latents):
        if path.name not in names:
            path.unlink()
