"""What dreams pay by their age, to be compared with what the real game pays under the same controller.

A dream that keeps the road pays the same at every age. One that melts pays less and less; one that can be exploited
pays more than the game does.
"""

from collections.abc import Sequence

import numpy as np

from dreamgym.dream.imagination import Dreams, imagine
from dreamgym.policies.controller import LinearController, linear_policy
from dreamgym.world_model import WorldModel

AGES = (12, 25, 50, 100, 200)
"""Steps of a dream at which one age ends and the next begins."""


def pay_by_age(
    world_model: WorldModel,
    controller: LinearController,
    *,
    temperature: float | None = None,
    n_dreams: int = 256,
    ages: Sequence[int] = AGES,
    seed: int = 0,
) -> list[float]:
    """The mean pay of each age, per 1,000 steps of the game. A dream that has ended pays nothing.

    Args:
        world_model: The world model, at whose starts the dreams begin.
        controller: The driver.
        temperature: The dreams'; the world model's own if None.
        n_dreams: How many.
        ages: Steps of a dream at which ages end.
        seed: Of the dreams.
    """
    policy = linear_policy(world_model.task.head(world_model.codec, controller.head))
    totals = [0.0]
    for age in ages:  # the same dreams each time, for longer
        dreams = Dreams(n_dreams, horizon=age, temperature=temperature, seed=seed)
        totals.append(float(imagine(world_model, policy, controller.parameters[None], dreams).returns.mean()))
    steps = np.diff([0, *ages]) * world_model.frame_skip
    pay: list[float] = (1000 * np.diff(totals) / steps).tolist()
    return pay
