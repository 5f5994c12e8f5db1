"""Training windows for M, starts of dreams, and the split into training and held-out episodes.

Too few or too short episodes, and arguments out of range, raise DataError.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from dreamgym.data.latents import LatentEpisode
from dreamgym.errors import DataError
from dreamgym.models.dynamics import MemoryArrays, draw_posterior, lstm_step
from dreamgym.running.seeding import Stream, generator
from dreamgym.world_model import Starts

Item = TypeVar("Item")
_TOGETHER = 256  # Starts whose episodes M runs through together.
_MARGIN = 10  # Steps between the end of a start and the termination of its episode.


def windows(episodes: Sequence[LatentEpisode], length: int, stride: int | None = None) -> dict[str, np.ndarray]:
    """Cuts episodes into windows of L steps that cover every step. Windows at an episode's end are padded with zeros.

    ``stride`` is the number of steps from one window to the next, 1 to L; if None, it is L and windows do not overlap.

    Returns:
        What :func:`dreamgym.models.training.train_memory` reads, float32: ``mu`` and ``logvar`` ``(n, L + 1, Z)``,
        ``action`` ``(n, L, A)``, ``target``, ``done`` and ``weight`` ``(n, L)``. ``weight`` is 0 for padding, else 1.
    """
    step = length if stride is None else stride
    if not episodes or not 0 < step <= length:
        raise DataError(f"{len(episodes)} episodes, stride {step}; expected at least 1, and a stride of 1 to {length}")
    places = [(e, start) for e, episode in enumerate(episodes) for start in _window_starts(len(episode), length, step)]
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


def _window_starts(n_steps: int, length: int, stride: int) -> range:
    """First steps of an episode's windows. The last window is the first one that reaches the episode's end."""
    return range(0, max(0, n_steps - length) + stride, stride)


def make_starts(
    episodes: Sequence[LatentEpisode],
    memory: MemoryArrays,
    count: int,
    steps: int,
    *,
    seed: int = 0,
    rewarded: float | None = None,
    older: Sequence[LatentEpisode] = (),
) -> Starts:
    """Draws short sequences at random, for dreams to start with: ``count`` of ``steps`` steps each.

    M's states at their first steps are kept with them: those that it has after the whole episode before.
    A start ends at least 10 steps before its episode terminates, so that the dream has steps left to play. If no
    episode is long enough for that, the distance is 1 step.

    Args:
        episodes: Where starts are drawn.
        memory: M.
        count: How many.
        steps: L.
        seed: Of the draws.
        rewarded: The fraction of starts in which the game paid; in the others it did not. A random driver is hardly
            ever on the road, and a dream that starts off it teaches the way back. None draws all starts alike.
        older: More episodes, for starts in which the game did not pay.
    """
    whole = [*episodes, *older]
    places = _places(whole, steps, _MARGIN)
    if len(places) == 0:
        places = _places(whole, steps, 1)
    if len(places) == 0:
        raise DataError(f"no episode is long enough for a start of {steps} steps; collect longer episodes")
    rng = generator(seed, Stream.STARTS)
    paid = np.array([whole[e].targets[t : t + steps].sum() for e, t in places]) > 0
    recent = places[:, 0] < len(episodes)
    if rewarded is None:
        best, rest, n_best = places[:0], places[recent], 0
    else:
        best, rest = places[paid & recent], places[~paid]
        n_best = (round(rewarded * count) if len(rest) else count) if len(best) else 0
    drawn = np.concatenate([_draw(rest, count - n_best, rng), _draw(best, n_best, rng)])
    h, c = _states(memory, whole, drawn, rng)
    return Starts(
        h=h,
        c=c,
        mu=np.stack([whole[e].mu[t : t + steps + 1] for e, t in drawn]),
        logvar=np.stack([whole[e].logvar[t : t + steps + 1] for e, t in drawn]),
        action=np.stack([whole[e].actions[t : t + steps] for e, t in drawn]),
    )


def _states(
    memory: MemoryArrays, episodes: Sequence[LatentEpisode], places: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """M's states ``h`` and ``c`` ``(n, H)`` at places ``(episode, step)`` ``(n, 2)``, run from the beginnings.

    Episodes that are left at about the same step are run together.
    """
    h, c = np.zeros((2, len(places), memory.recurrent_kernel.shape[0]), np.float32)
    order = np.argsort(places[:, 1], kind="stable")
    for group in np.split(order, range(_TOGETHER, len(order), _TOGETHER)):
        used, rows = np.unique(places[group, 0], return_inverse=True)
        steps = int(places[group, 1].max())
        z = np.zeros((len(used), steps, episodes[0].mu.shape[1]), np.float32)
        actions = np.zeros((len(used), steps, episodes[0].actions.shape[1]), np.float32)
        for row, e in enumerate(used):
            size = min(steps, len(episodes[e]))
            mu, logvar = episodes[e].mu[:size], episodes[e].logvar[:size]
            z[row, :size] = draw_posterior(mu, logvar, rng)
            actions[row, :size] = episodes[e].actions[:size]
        state = (np.zeros((len(used), h.shape[1]), np.float32),) * 2
        for step in range(steps + 1):
            now = places[group, 1] == step
            h[group[now]], c[group[now]] = state[0][rows[now]], state[1][rows[now]]
            if step < steps:
                state = lstm_step(np, memory, z[:, step], actions[:, step], state)
    return h, c


def check_lengths(lengths: Iterable[int], steps: int) -> None:
    """Raises DataError if no episode is long enough for a start of ``steps`` steps and one step of a dream.

    No more lengths are taken than it needs.
    """
    met = []
    for length in lengths:
        if length > steps:
            return
        met.append(length)
    raise DataError(
        f"the longest of {len(met)} episodes has {max(met, default=0)} steps, a start of dreams takes {steps} and one "
        "more; collect longer episodes, or set start-steps to less"
    )


def _draw(places: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return places[rng.choice(len(places), size=count, replace=count > len(places))] if count else places[:0]


def _places(episodes: Sequence[LatentEpisode], steps: int, margin: int) -> np.ndarray:
    """Indices ``(episode, first step)`` of all possible starts, ``(n, 2)``."""
    places = []
    for e, episode in enumerate(episodes):
        end = len(episode) - (margin if episode.terminated[-1] else 0)
        places += [(e, t) for t in range(end - steps + 1)]
    return np.array(places, np.int64).reshape(-1, 2)


def split_episodes(items: Sequence[Item], held_out: float = 0.1, seed: int = 0) -> tuple[list[Item], list[Item]]:
    """Splits two or more episodes at random into training and held-out ones, at least one of each, in their order."""
    if len(items) < 2 or not 0 < held_out < 1:
        raise DataError(
            f"cannot hold out {held_out} of {len(items)} episodes; expected at least 2, and 0 < held_out < 1"
        )
    n_held = min(max(1, round(held_out * len(items))), len(items) - 1)
    held = set(generator(seed, Stream.HELD_OUT_EPISODES).permutation(len(items))[:n_held].tolist())
    train = [item for i, item in enumerate(items) if i not in held]
    return train, [item for i, item in enumerate(items) if i in held]
