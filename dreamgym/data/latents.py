"""Writes and reads latents: V's posterior over the frames of an episode, one file per episode."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamgym.data.episodes import (
    BAD_FEATURES,
    Steps,
    decode_features,
    decode_steps,
    encode_features,
    encode_steps,
    list_episodes,
    read_bytes,
    read_good,
)
from dreamgym.errors import DataError

LATENTS_FORMAT = b"dreamgym latents"


@dataclass(frozen=True, kw_only=True)
class LatentEpisode(Steps):
    """The steps of an episode with V's posterior in place of its frames.

    Attributes:
        mu: ``(T + 1, Z)`` float32, one row per frame.
        logvar: ``(T + 1, Z)`` float32.
        stamp: The hash of V's arrays (:func:`dreamgym.running.provenance.hash_arrays`).
        source: The checksum of the episode's file.
    """

    mu: np.ndarray
    logvar: np.ndarray
    stamp: str
    source: int


def encode_latents(episode: LatentEpisode) -> bytes:
    """Encodes latents as the content of a file. The result is deterministic."""
    features = {"stamp": [episode.stamp.encode()], "source": [episode.source]}
    features |= {"mu": episode.mu, "logvar": episode.logvar, **encode_steps(episode)}
    return encode_features(LATENTS_FORMAT, features)


def decode_latents(content: bytes, name: str | Path = "the latents") -> LatentEpisode:
    """Decodes what :func:`encode_latents` made. Errors are those of :func:`dreamgym.data.episodes.decode_episode`."""
    features = decode_features(content, LATENTS_FORMAT, name)
    try:
        n_steps = len(features["rewards"])
        posterior = {name: features[name].reshape(n_steps + 1, -1) for name in ("mu", "logvar")}
        stamp, source = features["stamp"][0].decode(), features["source"][0]
        return LatentEpisode(**decode_steps(features, n_steps), **posterior, stamp=stamp, source=source)
    except BAD_FEATURES as error:
        raise DataError(f"{name} does not hold complete latents ({error}); delete it and encode again") from error


def read_latents(folders: str | Path | Iterable[str | Path], stamp: str | None = None) -> list[LatentEpisode]:
    """Reads all latents of one or more folders. Bad files are skipped with a warning.

    Latents of a V with another stamp than ``stamp`` are bad. If it is None, the stamp of the first good file is used.

    Raises:
        DataError: There are no latents, or more than half of them are bad.
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
        raise DataError(f"there are no latents in {[str(folder) for folder in chosen]}; encode some rollouts first")
    return list(read_good(paths, read))
