"""Whether M knows when the game ends: its logit of ``terminated`` along held-out episodes that ended by themselves."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from dreamgym.data.latents import LatentEpisode
from dreamgym.evaluation.fidelity import Windows, one_step_heads
from dreamgym.models.dynamics import draw_posterior
from dreamgym.running.seeding import Stream, generator
from dreamgym.world_model import WorldModel


def foreseen_ends(
    world_model: WorldModel, latent_episodes: Iterable[LatentEpisode], *, seed: int = 0
) -> dict[str, Any] | None:
    """Runs M along the real latents and actions of episodes, and asks at every step whether a dream would end there.

    Returns:
        None where no episode ended by itself. Otherwise plain JSON data: ``episodes``, the number of those that did;
        ``caught``, the fraction of ends at whose step the logit is above 0; ``false_alarms``, such steps per 1,000
        others; ``first_alarm``, when the logit first is, as a fraction of the episode, on average (1 where it never
        is). A first alarm long before 1 makes dreams shorter than the game, a low ``caught`` makes them longer.
    """
    rng = generator(seed, Stream.ENDS)
    last, others, firsts = [], [], []
    for episode in latent_episodes:
        if not episode.terminated[-1]:
            continue
        alarms = _logits(world_model, episode, rng) > 0
        last.append(alarms[-1])
        others.append(alarms[:-1])
        firsts.append((int(alarms.argmax()) + 1) / len(alarms) if alarms.any() else 1.0)
    if not last:
        return None
    false = np.concatenate(others)
    return {
        "episodes": len(last),
        "caught": float(np.mean(last)),
        "false_alarms": float(1000 * false.mean()) if len(false) else 0.0,
        "first_alarm": float(np.mean(firsts)),
    }


def _logits(world_model: WorldModel, episode: LatentEpisode, rng: np.random.Generator) -> np.ndarray:
    """M's logit of ``terminated`` at every step, ``(T,)``."""
    mu, logvar, actions, targets = (
        np.asarray(x, np.float32)[None] for x in (episode.mu, episode.logvar, episode.actions, episode.targets)
    )
    z = draw_posterior(mu, logvar, rng)
    return one_step_heads(world_model.memory, Windows(z, actions, targets))[0, :, -1]
