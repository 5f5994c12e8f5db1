"""The states in which dreams start: M's state at the end of a real sequence."""

from collections.abc import Sequence

import numpy as np

from dreamgym.dream.noise import DreamNoise
from dreamgym.models.dynamics import sample_posterior, warm_up
from dreamgym.running.threads import one_thread
from dreamgym.world_model import WorldModel

State = tuple[np.ndarray, np.ndarray, np.ndarray]


def start_dreams(
    world_model: WorldModel, noise: DreamNoise, dreams: Sequence[int] | np.ndarray, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, State]:
    """Draws the starts and posterior noise of the n dreams with these indices, and runs M over the starts.

    ``chosen`` ``(n,)`` replaces the drawn indices of starts. The posterior noise does not depend on it.

    Returns:
        The indices of the starts ``(n,)``, and the states: ``z`` ``(n, Z)``, ``h`` and ``c`` ``(n, H)``, float32.
    """
    starts = world_model.starts
    drawn = [noise.draw_start(dream, len(starts), starts.mu.shape[1]) for dream in dreams]
    indices = np.array([index for index, _ in drawn]) if chosen is None else chosen
    normal = np.stack([normal for _, normal in drawn])
    begun = starts.chosen(indices)
    z = sample_posterior(np, begun.mu, begun.logvar, normal)
    state = None if begun.h is None or begun.c is None else (begun.h, begun.c)
    with one_thread():
        return indices, (z[:, -1], *warm_up(np, world_model.memory, z, begun.action, state))
