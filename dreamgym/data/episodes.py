"""Writes and reads episodes of the real game, as one TFRecord file per episode with frames as PNG.

Files that are unreadable, truncated, altered, incomplete, of another format or of a newer version raise DataError.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dreamgym.data.png import decode_png, encode_png
from dreamgym.data.tfrecord import Feature, decode_example, decode_record, encode_example, encode_record
from dreamgym.errors import DataError
from dreamgym.running.files import write_whole
from dreamgym.running.provenance import FORMATS, check_format
from dreamgym.tasks import FRAME_SIZE

EPISODE_FORMAT = b"dreamgym episode"
EPISODE_FILES = "episode-*.tfrecord"
SETTINGS_FILE = "collection.json"  # beside the episodes: what decides them
BAD_FEATURES = (ValueError, KeyError, IndexError, AttributeError, TypeError)  # raised by missing or malformed features
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The T steps of an episode, without its frames."""

    actions: np.ndarray  # ``(T, A)`` float32, coded by :class:`dreamgym.actions.ActionCodec`
    rewards: np.ndarray  # ``(T,)`` float32, the game's rewards
    targets: np.ndarray  # ``(T,)`` float32, what M learns to predict instead of the rewards (``Task.target``)
    terminated: np.ndarray  # ``(T,)`` bool
    truncated: bool  # whether the episode ended without termination, for example at a step limit
    seed: int  # the seed of the env, the policy and the posterior's noise

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, kw_only=True)
class Episode(Steps):
    """An episode of the real game. Action t was chosen at frame t, earned reward t and led to frame t + 1."""

    frames: np.ndarray  # ``(T + 1, 64, 64, 3)`` uint8, RGB
    env_id: str  # the Gymnasium id of the env
    policy: str  # the name of the policy
    task: str  # the name of the task


def encode_episode(episode: Episode, pngs: Sequence[bytes] | None = None) -> bytes:
    """Encodes an episode as the content of a file. ``pngs``, if given, replaces ``episode.frames``."""
    features = {
        "frames": [encode_png(frame) for frame in episode.frames] if pngs is None else list(pngs),
        **encode_steps(episode),
        **{key: [getattr(episode, key).encode()] for key in ("env_id", "policy", "task")},
    }
    return encode_features(EPISODE_FORMAT, features)


def decode_episode(content: bytes, name: str | Path = "the episode") -> Episode:
    """Decodes the content of a file that :func:`encode_episode` made. ``name`` names the file in errors."""
    features = decode_features(content, EPISODE_FORMAT, name)
    try:
        frames = np.stack([decode_png(png) for png in features["frames"]])
        if frames.shape[1:] != (FRAME_SIZE, FRAME_SIZE, 3):
            raise ValueError(f"its frames have shape {frames.shape[1:]}, expected {(FRAME_SIZE, FRAME_SIZE, 3)}")
        names = {key: features[key][0].decode() for key in ("env_id", "policy", "task")}
        return Episode(**decode_steps(features, len(frames) - 1), frames=frames, **names)
    except BAD_FEATURES as error:
        raise DataError(f"{name} is not a complete episode ({error}); delete it and collect again") from error


def encode_steps(steps: Steps) -> dict[str, Any]:
    """The features of a file that hold the steps."""
    return {
        "actions": steps.actions,
        "rewards": steps.rewards,
        "targets": steps.targets,
        "terminated": [int(flag) for flag in steps.terminated],
        "truncated": [int(steps.truncated)],
        "seed": [steps.seed],
    }


def decode_steps(features: Mapping[str, Any], n_steps: int) -> dict[str, Any]:
    """The fields of :class:`Steps` from a file's features. Raises one of ``BAD_FEATURES`` if they do not fit."""
    return {
        "actions": features["actions"].reshape(n_steps, -1),
        "rewards": features["rewards"].reshape(n_steps),
        "targets": features["targets"].reshape(n_steps),
        "terminated": np.array(features["terminated"], bool).reshape(n_steps),
        "truncated": bool(features["truncated"][0]),
        "seed": features["seed"][0],
    }


def encode_features(file_format: bytes, features: Mapping[str, Feature]) -> bytes:
    """Encodes features as the content of a file of a format, ``EPISODE_FORMAT`` or ``LATENTS_FORMAT``."""
    version = FORMATS[file_format.decode().removeprefix("dreamgym ")]
    return encode_record(encode_example({"format": [file_format], "version": [version], **features}))


def decode_features(content: bytes, expected: bytes, name: str | Path) -> dict[str, Any]:
    """Decodes the features of a file of the format ``expected``. ``name`` names the file in errors."""
    try:
        features: dict[str, Any] = decode_example(decode_record(content))
    except ValueError as error:
        raise DataError(f"{name} is broken or foreign ({error}); delete it and make it again") from error
    if features.get("format") != [expected] or not features.get("version"):
        found = features.get("format")
        raise DataError(f"{name} is foreign: expected a {expected.decode()}, found {found}; move it elsewhere")
    try:
        check_format(expected.decode().removeprefix("dreamgym "), features["version"][0])
    except ValueError as error:
        raise DataError(f"{name} cannot be read: {error}; update dreamgym, or make the file again") from error
    return features


def write_episode(path: Path, episode: Episode) -> None:
    """Writes an episode. The file is replaced atomically."""
    write_whole(path, encode_episode(episode))


def read_bytes(path: Path) -> bytes:
    """Reads a file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from error


def read_episode(path: Path) -> Episode:
    """Reads an episode."""
    return decode_episode(read_bytes(path), path)


def list_episodes(folder: Path) -> list[Path]:
    """The episode files of a folder of rollouts or latents, sorted by name. Empty if the folder does not exist."""
    return sorted(Path(folder).glob(EPISODE_FILES))


def is_episode(name: str) -> bool:
    """Whether a file's name is that of an episode or its latents."""
    return fnmatch(name, EPISODE_FILES)


def in_slice(name: str | Path, first: int, episodes: int | None) -> bool:
    """Whether a file of a folder of episodes or latents belongs to a slice, which begins with the number ``first``.

    ``episodes`` is None for all from there on. Files that are not one episode's belong to all slices.
    """
    match = re.fullmatch(r"episode-(\d+)\.tfrecord", Path(name).name)
    return match is None or (first <= int(match[1]) and (episodes is None or int(match[1]) < first + episodes))


def episode_lengths(paths: Iterable[Path]) -> Iterator[int]:
    """Yields the number of steps of each episode that can be read. Frames are not decoded."""
    for features in read_good(paths, lambda path: decode_features(read_bytes(path), EPISODE_FORMAT, path)):
        yield len(features["rewards"])


def remove_partial(folder: Path) -> None:
    """Removes what a killed run left of files that it was writing."""
    for path in folder.glob(".episode-*.part"):
        path.unlink(missing_ok=True)


def read_episodes(paths: Iterable[Path]) -> list[Episode]:
    """Reads episodes. Bad files are handled as by :func:`read_good`."""
    return list(read_good(paths, read_episode))


def read_good(paths: Iterable[Path], read: Callable[[Path], Item]) -> Iterator[Item]:
    """Yields ``read(path)`` for each path. If it raises DataError, the file is skipped with a warning."""
    paths, bad = list(paths), []
    if not paths:
        raise DataError("there are no episodes to read; collect some first (files episode-*.tfrecord)")
    for path in paths:
        try:
            item = read(path)
        except DataError as error:
            warnings.warn(f"skipped: {error}", stacklevel=2)
            bad.append(path)
            continue
        yield item
    if 2 * len(bad) > len(paths):
        raise DataError(
            f"{len(bad)} of {len(paths)} files are bad, the first is {bad[0]}; delete them and make them again"
        )
