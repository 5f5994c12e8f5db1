"""Writes and reads latents: V's posterior over the frames of an episode, one file per episode."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data import episodes
from dreamgym.errors import DataError

LATENTS_FORMAT = b"dreamgym latents"


@dataclass(frozen=True, kw_only=True)
class LatentEpisode(episodes.Steps):
    """The steps of an episode with V's posterior in place of its frames."""

    mu: np.ndarray  # ``(T + 1, Z)`` float32, one row per frame
    logvar: np.ndarray  # ``(T + 1, Z)`` float32
    stamp: str  # the hash of V's arrays (:func:`dreamgym.running.provenance.hash_arrays`)
    source: int  # the checksum of the episode's file


def encode_latents(episode: LatentEpisode) -> bytes:
    """Encodes latents as the content of a file. The result is deterministic."""
    features: dict[str, Any] = {"stamp": [episode.stamp.encode()], "source": [episode.source]}
    features |= {"mu": episode.mu, "logvar": episode.logvar, **episodes.encode_steps(episode)}
    return episodes.encode_features(LATENTS_FORMAT, features)


def decode_latents(content: bytes, name: str | Path = "the latents") -> LatentEpisode:
    """Decodes what :func:`encode_latents` made. Errors are those of :func:`dreamgym.data.episodes.decode_episode`."""
    features = episodes.decode_features(content, LATENTS_FORMAT, name)
    try:
        n_steps = len(features["rewards"])
        posterior = {key: features[key].reshape(n_steps + 1, -1) for key in ("mu", "logvar")}
        stamp, source = features["stamp"][0].decode(), features["source"][0]
        return LatentEpisode(**episodes.decode_steps(features, n_steps), **posterior, stamp=stamp, source=source)
    except episodes.BAD_FEATURES as error:
        raise DataError(f"{name} does not hold complete latents ({error}); delete it and encode again") from error


def read_latents(folders: str | Path | Iterable[str | Path], stamp: str | None = None) -> list[LatentEpisode]:
    """Reads all latents of one or more folders. Bad files are handled as by :func:`dreamgym.data.episodes.read_good`.

    Latents of a V with another stamp than ``stamp`` are bad. If it is None, the stamp of the first good file is used.
    """
    chosen = [folders] if isinstance(folders, str | Path) else list(folders)

    def read(path: Path) -> LatentEpisode:
        nonlocal stamp
        episode = decode_latents(episodes.read_bytes(path), path)
        stamp = stamp or episode.stamp
        if episode.stamp != stamp:
            raise DataError(f"{path} is stale: another V made it; encode its rollouts again")
        return episode

    paths = [path for folder in chosen for path in episodes.list_episodes(Path(folder))]
    if not paths:
        raise DataError(f"there are no latents in {[str(folder) for folder in chosen]}; encode some rollouts first")
    return list(episodes.read_good(paths, read))
