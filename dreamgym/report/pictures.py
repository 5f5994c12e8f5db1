"""Frames of held-out episodes beside what V and M make of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamgym.data.episodes import Episode, list_episodes, read_episode
from dreamgym.data.sequences import split_episodes
from dreamgym.errors import DataError
from dreamgym.evaluation.fidelity import WARM_UP, open_loop
from dreamgym.models import vision_numpy
from dreamgym.models.dynamics import draw_posterior
from dreamgym.running.seeding import Stream, generator
from dreamgym.world_model import WorldModel

AHEAD = (1, 10, 50, 100)
"""Decisions after M's last look at the game, at which its dream is shown."""
_ERROR_FRAMES = 128  # that V's error is measured on
_TOGETHER = 8  # frames that V sees at once


@dataclass(frozen=True)
class Strip:
    """The game and M's dream of it under the same actions, frames uint8 ``(n, 64, 64, 3)``."""

    ahead: Sequence[int]  # decisions after M's last look, n of them; 0 is that look
    real: np.ndarray
    reconstruction: np.ndarray
    dream: np.ndarray


def held_out(folder: Path, fraction: float, seed: int, count: int) -> list[Episode]:
    """Up to ``count`` of a collection's held-out episodes, evenly spread. A DataError says that there are none."""
    paths = split_episodes(list_episodes(folder), fraction, seed)[1]
    chosen = np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))
    return [read_episode(paths[i]) for i in chosen]


def sample_frames(episodes: Sequence[Episode], count: int) -> np.ndarray:
    """Frames evenly spread over episodes, uint8 ``(count, 64, 64, 3)``, or fewer where there are fewer."""
    frames = np.concatenate([episode.frames for episode in episodes])
    places = np.linspace(0, len(frames) - 1, 2 * count + 1)[1::2]  # the middles of equal parts
    return frames[np.unique(places.round().astype(int))]


def reconstruct(vision: Mapping[str, np.ndarray], frames: np.ndarray) -> np.ndarray:
    """V's reconstructions from the posterior's mean, uint8 ``(n, 64, 64, 3)``."""
    parts = [frames[i : i + _TOGETHER] for i in range(0, len(frames), _TOGETHER)]
    return np.concatenate([vision_numpy.decode(vision, vision_numpy.encode(vision, part)[0]) for part in parts])


def squared_error(frames: np.ndarray, others: np.ndarray) -> float:
    """V's training loss of a frame without its KL part: the squared error summed over pixels of 0 to 1, on average."""
    difference = (frames.astype(np.float32) - others) / 255
    return float(np.square(difference).sum(axis=(1, 2, 3)).mean())


def vision_errors(vision: Mapping[str, np.ndarray], episodes: Sequence[Episode]) -> tuple[float, float]:
    """The squared error of V on frames of episodes, and that of their mean frame in place of every reconstruction."""
    frames = sample_frames(episodes, _ERROR_FRAMES)
    mean = np.broadcast_to(frames.mean(axis=0, keepdims=True), frames.shape)
    return squared_error(frames, reconstruct(vision, frames)), squared_error(frames, mean)


def dream_strip(world_model: WorldModel, episode: Episode, first: int | None = None) -> Strip:
    """M's dream of a part of an episode, at the world model's temperature.

    M sees real latents for ``WARM_UP`` decisions from the decision ``first`` on, or for a third of a short episode,
    and then dreams alone under the recorded actions. The part is the middle of the episode if ``first`` is None.

    Raises:
        DataError: The episode ends before the dream begins.
    """
    warm_up = min(WARM_UP, len(episode) // 3)
    if first is None:
        first = max(0, (len(episode) - warm_up - max(AHEAD)) // 2)
    last = min(len(episode), first + warm_up + max(AHEAD))
    if last - first <= warm_up:
        raise DataError(f"the episode has {len(episode)} steps, expected more than {first + warm_up}")
    frames, rng = episode.frames[first : last + 1], generator(episode.seed, Stream.REPORT)
    encoded = [
        vision_numpy.encode(world_model.vision, frames[i : i + _TOGETHER]) for i in range(0, len(frames), _TOGETHER)
    ]
    mu, logvar = (np.concatenate(column) for column in zip(*encoded, strict=True))
    z = draw_posterior(mu, logvar, rng)
    dreamt, _ = open_loop(world_model, z[None], episode.actions[None, first:last], warm_up, rng)
    ahead = [0, *(steps for steps in AHEAD if first + warm_up + steps <= last)]
    places = warm_up + np.array(ahead)
    return Strip(
        ahead,
        frames[places],
        vision_numpy.decode(world_model.vision, mu[places]),
        vision_numpy.decode(world_model.vision, dreamt[0, places]),
    )
