"""Episodes of a real game as files: one TFRecord file an episode, its frames PNG-encoded."""

import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dreamgym.data.tfrecord import decode_example, decode_record, encode_example, encode_record
from dreamgym.errors import DataError
from dreamgym.files import write_whole
from dreamgym.tasks import FRAME_SIZE

EPISODE_FORMAT, EPISODE_VERSION = b"dreamgym episode", 1
_PNG_SIGNATURE, _RGB, _UP_FILTER = b"\x89PNG\r\n\x1a\n", 2, 2
Item = TypeVar("Item")


@dataclass(frozen=True)
class Episode:
    """What happened in one episode of T steps.

    Frame t is what the policy saw when it chose action t, reward t is what action t earned and frame t + 1
    what it led to, the last one included.

    Attributes:
        frames: ``(T + 1, 64, 64, 3)`` uint8, RGB.
        actions: ``(T, A)`` float32, coded (:class:`dreamgym.actions.ActionCodec`).
        rewards: ``(T,)`` float32, the game's own.
        targets: ``(T,)`` float32, what M learns to predict of them.
        terminated: ``(T,)`` bool.
        truncated: Whether the last step was the horizon's or the collector's end, not the game's.
        seed: Of the env, the policy and the latents' noise.
        env_id: The env that was played.
        policy: The name of the policy.
        task: The name of the task.
    """

    frames: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    targets: np.ndarray
    terminated: np.ndarray
    truncated: bool
    seed: int
    env_id: str
    policy: str
    task: str

    def __len__(self) -> int:
        return len(self.actions)


def encode_png(frame: np.ndarray) -> bytes:
    """An RGB uint8 frame as a PNG file.

    Differences from the row above and run lengths make these flat pictures nearly as small as the best that a
    library finds by trying, in half the time of the quickest setting that every build of OpenCV has.
    """
    height, width, _ = frame.shape
    rows = frame.reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _UP_FILTER
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(1, zlib.DEFLATED, 14, 6, zlib.Z_RLE)
    packed = packer.compress(filtered.data) + packer.flush()
    header = struct.pack(">2I5B", width, height, 8, _RGB, 0, 0, 0)
    return _PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    """A piece of a PNG file: length, kind, content, checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def decode_png(content: bytes) -> np.ndarray:
    """The RGB uint8 frame of a PNG file.

    Raises:
        ValueError: It is none.
    """
    import cv2

    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if picture is None:
        raise ValueError("a frame is no PNG")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def encode_episode(episode: Episode, pngs: Sequence[bytes] | None = None) -> bytes:
    """An episode as the content of a file; the same episode gives the same bytes.

    Args:
        episode: What to encode.
        pngs: Its frames, encoded already; the episode's own are then not looked at.
    """
    example = encode_example(
        {
            "format": [EPISODE_FORMAT],
            "version": [EPISODE_VERSION],
            "frames": [encode_png(frame) for frame in episode.frames] if pngs is None else list(pngs),
            "actions": episode.actions,
            "rewards": episode.rewards,
            "targets": episode.targets,
            "terminated": [int(flag) for flag in episode.terminated],
            "truncated": [int(episode.truncated)],
            "seed": [episode.seed],
            "env_id": [episode.env_id.encode()],
            "policy": [episode.policy.encode()],
            "task": [episode.task.encode()],
        }
    )
    return encode_record(example)


def decode_episode(content: bytes, name: str | Path = "the episode") -> Episode:
    """The episode that :func:`encode_episode` made bytes of.

    Args:
        content: A file's.
        name: What an error calls it.

    Raises:
        DataError: The content is truncated, altered, foreign or of a later format.
    """
    features = decode_features(content, EPISODE_FORMAT, EPISODE_VERSION, name)
    try:
        frames = np.stack([decode_png(png) for png in features["frames"]])
        n_steps = len(frames) - 1
        episode = Episode(
            frames=frames,
            actions=features["actions"].reshape(n_steps, -1),
            rewards=features["rewards"].reshape(n_steps),
            targets=features["targets"].reshape(n_steps),
            terminated=np.array(features["terminated"], bool).reshape(n_steps),
            truncated=bool(features["truncated"][0]),
            seed=features["seed"][0],
            env_id=features["env_id"][0].decode(),
            policy=features["policy"][0].decode(),
            task=features["task"][0].decode(),
        )
        if frames.shape[1:] != (FRAME_SIZE, FRAME_SIZE, 3):
            raise ValueError(f"its frames have shape {frames.shape[1:]}")
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise DataError(f"{name} is not a whole episode ({error}); delete it and collect again") from error
    return episode


def decode_features(content: bytes, expected: bytes, version: int, name: str | Path) -> dict[str, Any]:
    """The features of a file of one of dreamgym's formats.

    Args:
        content: The file's.
        expected: The format's name.
        version: The latest one that can be read.
        name: What an error calls the file.

    Raises:
        DataError: The content is truncated, altered, of another format or a later version.
    """
    try:
        features: dict[str, Any] = decode_example(decode_record(content))
    except ValueError as error:
        raise DataError(f"{name} is broken or foreign: {error}; delete it and make it again") from error
    if features.get("format") != [expected] or not features.get("version"):
        raise DataError(f"{name} is foreign: expected a {expected.decode()}, found {features.get('format')}")
    if features["version"][0] > version:
        raise DataError(f"{name} has format {features['version'][0]}, this dreamgym reads up to {version}")
    return features


def write_episode(path: Path, episode: Episode | bytes) -> None:
    """Writes an episode, or one already encoded, whole or not at all."""
    write_whole(Path(path), episode if isinstance(episode, bytes) else encode_episode(episode))


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def read_episode(path: Path) -> Episode:
    """Reads an episode.

    Raises:
        DataError: The file is missing, truncated, altered or foreign.
    """
    return decode_episode(read_bytes(path), path)


def list_episodes(folder: Path) -> list[Path]:
    """The files of a folder of rollouts or latents, in order; empty if there is no such folder."""
    return sorted(Path(folder).glob("episode-*.tfrecord"))


def iterate_episodes(paths: Iterable[Path]) -> Iterator[Episode]:
    """Reads episodes one after the other, as :func:`read_episodes` does."""
    return read_good(paths, read_episode)


def read_episodes(paths: Iterable[Path]) -> list[Episode]:
    """Reads episodes; a broken file is named in a warning and left out.

    Raises:
        DataError: There is no file, or more than half of them are broken.
    """
    return list(iterate_episodes(paths))


def read_good(paths: Iterable[Path], read: Callable[[Path], Item]) -> Iterator[Item]:
    """Yields what ``read`` makes of each path; where it raises DataError, the file is skipped with a warning.

    Raises:
        DataError: There is no path, or more than half of the files were bad (told after the last one).
    """
    n_files, bad = 0, []
    for path in paths:
        n_files += 1
        try:
            item = read(path)
        except DataError as error:
            warnings.warn(f"skipped: {error}", stacklevel=2)
            bad.append(path)
            continue
        yield item
    if n_files == 0:
        raise DataError("there are no episodes to read; expected files episode-*.tfrecord, collect some first")
    if 2 * len(bad) > n_files:
        raise DataError(f"{len(bad)} of {n_files} files are bad, the first is {bad[0]}; make them again")
