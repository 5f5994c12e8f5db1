"""M's input: episodes of latents cut into windows, the starts of dreams, and what is held out."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from dreamgym.data.latents import LatentEpisode
from dreamgym.errors import DataError
from dreamgym.world_model import Starts

Item = TypeVar("Item")
_MARGIN = 10  # steps that a dream should have before the point where the game it begins in ended


def windows(episodes: Sequence[LatentEpisode], length: int, stride: int | None = None) -> dict[str, np.ndarray]:
    """Windows of L steps that cover every step of every episode.

    A window that reaches past its episode's end is padded with zeros of weight 0.

    Args:
        episodes: Latents.
        length: L, steps a window.
        stride: Steps between the beginnings of windows, at most L; L if None, so that they do not overlap.

    Returns:
        What :class:`dreamgym.memory.Memory` is trained on, float32: ``mu`` and ``logvar`` ``(n, L + 1, Z)``,
        ``action`` ``(n, L, A)``, ``target``, ``done`` and ``weight`` ``(n, L)``.

    Raises:
        DataError: There is no episode, or the stride would leave steps out.
    """
    step = length if stride is None else stride
    if not episodes or not 0 < step <= length:
        raise DataError(f"cannot cut {len(episodes)} episodes into windows of {length} steps, {step} apart")
    places = [(e, start) for e, episode in enumerate(episodes) for start in _beginnings(len(episode), length, step)]
    n, z, a = len(places), episodes[0].mu.shape[1], episodes[0].actions.shape[1]
    arrays = {name: np.zeros((n, length + 1, z), np.float32) for name in ("mu", "logvar")}
    arrays["action"] = np.zeros((n, length, a), np.float32)
    arrays |= {name: np.zeros((n, length), np.float32) for name in ("target", "done", "weight")}
    for i, (e, start) in enumerate(places):
        episode, end = episodes[e], min(start + length, len(episodes[e]))
        size = end - start
        arrays["mu"][i, : size + 1] = episode.mu[start : end + 1]
        arrays["logvar"][i, : size + 1] = episode.logvar[start : end + 1]
        arrays["action"][i, :size] = episode.actions[start:end]
        arrays["target"][i, :size] = episode.targets[start:end]
        arrays["done"][i, :size] = episode.terminated[start:end]
        arrays["weight"][i, :size] = 1
    return arrays


def _beginnings(n_steps: int, length: int, stride: int) -> range:
    """Where windows begin: the last one is the first that reaches the end."""
    n_windows = 1 + max(0, -(-(n_steps - length) // stride))
    return range(0, n_windows * stride, stride)


def make_starts(
    episodes: Sequence[LatentEpisode], count: int, steps: int, seed: int = 0, rewarded: float = 0.0
) -> Starts:
    """Short sequences drawn from all over the episodes, for dreams to begin with.

    They end some steps before a game's end, so that a dream has something left to play; only if there are none
    such, up to it.

    Args:
        episodes: Latents.
        count: S, how many.
        steps: L, their length.
        seed: Of the draws.
        rewarded: The part of them drawn from where the game paid an above-average target within the sequence. A
            random driver is mostly off the road, and a dream that begins there teaches nothing about roads.

    Raises:
        DataError: No episode is as long as a start.
    """
    places = _places(episodes, steps, _MARGIN)
    if len(places) == 0:
        places = _places(episodes, steps, 1)
    if len(places) == 0:
        raise DataError(f"no episode has more than the {steps} steps of a start; collect longer episodes")
    rng = np.random.default_rng([seed, 5])
    paid = np.array([episodes[e].targets[t : t + steps].sum() for e, t in places])
    best = places[paid > paid.mean()]
    n_best = round(rewarded * count) if len(best) else 0
    drawn = np.concatenate([_draw(places, count - n_best, rng), _draw(best, n_best, rng)])
    return Starts(
        mu=np.stack([episodes[e].mu[t : t + steps + 1] for e, t in drawn]),
        logvar=np.stack([episodes[e].logvar[t : t + steps + 1] for e, t in drawn]),
        action=np.stack([episodes[e].actions[t : t + steps] for e, t in drawn]),
    )


def _draw(places: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return places[rng.choice(len(places), size=count, replace=count > len(places))] if count else places[:0]


def _places(episodes: Sequence[LatentEpisode], steps: int, margin: int) -> np.ndarray:
    """All ``(episode, step)`` where a start may begin, ``(n, 2)``."""
    places = []
    for e, episode in enumerate(episodes):
        end = len(episode) - (margin if episode.terminated[-1] else 0)
        places.append([(e, t) for t in range(max(0, end - steps + 1))])
    return np.array([place for some in places for place in some], np.int64).reshape(-1, 2)


def split_episodes(items: Sequence[Item], held_out: float = 0.1, seed: int = 0) -> tuple[list[Item], list[Item]]:
    """Splits whole episodes into those to train on and those held out, each in the order given.

    At least one is held out, and at least one is left, wherever there are two.

    Raises:
        DataError: There are fewer than two, or ``held_out`` is no part of 1.
    """
    if len(items) < 2 or not 0 < held_out < 1:
        raise DataError(f"cannot hold out {held_out} of {len(items)} episodes; expected at least 2, and 0 < part < 1")
    n_held = min(max(1, round(held_out * len(items))), len(items) - 1)
    held = set(np.random.default_rng([seed, 9]).permutation(len(items))[:n_held].tolist())
    train = [item for i, item in enumerate(items) if i not in held]
    return train, [item for i, item in enumerate(items) if i in held]
