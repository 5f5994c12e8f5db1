"""Whether dreams rank controllers as the real game does."""

from collections.abc import Sequence

import numpy as np

from dreamgym.dream.imagination import Dreams, imagine
from dreamgym.policies.controller import linear_policy
from dreamgym.world_model import WorldModel

FEWEST = 4
"""Controllers that a rank correlation is given for. That of fewer says nothing."""


def rank_correlation(
    world_model: WorldModel,
    parameters: np.ndarray,
    scores: Sequence[float] | np.ndarray,
    *,
    head: str | None = None,
    temperature: float | None = None,
    horizon: int = 300,
    n_dreams: int = 64,
    seed: int = 0,
) -> float | None:
    """The rank correlation (Spearman's) of controllers' returns in dreams with their scores in the real game.

    1 where the dream puts the controllers in the game's order; None for fewer than four controllers, or where either
    side does not tell them apart.

    Args:
        world_model: The world model, at whose starts the dreams begin.
        parameters: Those of C linear controllers, ``(C, P)``.
        scores: Their mean scores in the real game, ``(C,)``.
        head: The controllers' action head; the task's first one if None.
        temperature: The dreams'; the world model's own if None.
        horizon: Steps of the game that a dream takes.
        n_dreams: Dreams per controller. All controllers meet the same ones.
        seed: Of the dreams.
    """
    if len(parameters) < FEWEST:
        return None
    policy = linear_policy(world_model.task.head(world_model.codec, head or world_model.task.default_head_name))
    steps = world_model.dream_steps(min(horizon, world_model.task.horizon))
    dreams = Dreams(n_dreams, horizon=steps, temperature=temperature, seed=seed)
    dreamt = imagine(world_model, policy, parameters, dreams).returns.mean(axis=1, dtype=np.float64)
    ranks = [_ranks(dreamt), _ranks(np.asarray(scores, np.float64))]
    if min(np.ptp(side) for side in ranks) == 0:
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value from 0; equal values share the mean of their ranks."""
    below, equal = (values[:, None] > values).sum(axis=1), (values[:, None] == values).sum(axis=1)
    return below + (equal - 1) / 2
