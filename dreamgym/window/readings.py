"""What the heads-up line says of a drive."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dreamgym.models.dynamics import mixture_entropy
from dreamgym.running.threads import one_thread
from dreamgym.world_model import WorldModel


@dataclass(frozen=True)
class Readings:
    """One side's state in numbers."""

    label: str  # reality or dream
    total: float  # the return: the sum of the rewards since the start
    steps: int  # steps of the game since the start, or those that the dream stands for
    over: bool  # whether it has ended
    predicted: float | None = None  # the reward that M predicted for the last decision
    entropy: float | None = None  # of M's choice of a mixture for the last decision, in nats
    certainty: float | None = None  # 1 - entropy / log(K): 1 where M knows the mixture, 0 where all are alike


def read_memory(world_model: WorldModel, h: np.ndarray, temperature: float) -> dict[str, Any]:
    """What M says at its state ``h`` ``(H,)``: ``predicted``, ``entropy`` and ``certainty`` of :class:`Readings`."""
    memory, task = world_model.memory, world_model.task
    with one_thread():
        target = float(h @ memory.head_kernel[:, -2] + memory.head_bias[-2])
        entropy = float(mixture_entropy(np, memory, h, world_model.latent_size, temperature))
    most = math.log(world_model.n_mixtures)
    return {
        "predicted": task.price * target + world_model.step_cost,
        "entropy": entropy,
        "certainty": 1 - entropy / most if most else 1.0,
    }
