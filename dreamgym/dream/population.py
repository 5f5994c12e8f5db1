"""Rollouts of a population of policies: one compiled program steps all dreams of all candidates."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dreamgym.actions import Array
from dreamgym.dream.noise import NOISE_BLOCK, DreamNoise
from dreamgym.dream.starts import start_dreams
from dreamgym.models.dynamics import MemoryArrays, Noise, lstm_step, sample
from dreamgym.world_model import WorldModel

PopulationPolicy = Callable[[Any, Array, Array], Array]
"""``policy(xp, parameters, observations)``: coded actions ``(C, D, A)`` for parameters ``(C, P)`` and observations
``(C, D, O)``. ``xp`` is ``numpy`` or ``tensorflow.experimental.numpy``."""


class DreamBatch(NamedTuple):
    """D dreams per candidate that are stepped together."""

    seeds: np.ndarray  # ``(C, D)``, or ``(1, D)`` if all candidates share the dreams
    starts: np.ndarray | None  # indices of starts, ``(D,)``; None draws them
    temperatures: np.ndarray  # ``(D,)`` float32
    masks: np.ndarray | None  # dropout factors of ``h`` in the recurrence, ``(D, H)`` float32, or None
    horizon: int  # the largest number of steps


class Rules(NamedTuple):
    """The inputs of the program that do not change within a rollout.

    ``bounds`` ``(2, A)`` are the lowest and highest coded actions. ``price`` holds the task's price and step cost.
    """

    memory: MemoryArrays
    bounds: Array
    price: Array
    temperatures: Array
    masks: Array | None
    observes_cell: bool


class Rollout(NamedTuple):
    """Where dreams have come to. Inside a program the axes C and D are one.

    ``z`` is ``(C, D, Z)``, ``h`` and ``c`` are ``(C, D, H)``; returns, lengths and whether a dream goes on ``(C, D)``.
    """

    z: Array
    h: Array
    c: Array
    returns: Array
    lengths: Array
    alive: Array


def roll_out(
    world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray, batch: DreamBatch
) -> tuple[np.ndarray, np.ndarray]:
    """Rolls out the policies ``parameters`` ``(C, P)``. Returns returns float32 and lengths int32, ``(C, D)`` each."""
    seeds = batch.seeds
    noise, rules, rollout = begin(world_model, batch, len(parameters))
    block = _population_program(policy, (parameters.shape, seeds.shape, *(x.shape for x in world_model.memory)))
    for first in range(0, batch.horizon, NOISE_BLOCK):
        noise.draw_blocks(range(seeds.size))
        drawn = Noise(*(x.reshape(*seeds.shape, *x.shape[1:]) for x in (noise.uniform, noise.normal)))
        rollout = block(rules, parameters, drawn, rollout, np.int32(min(NOISE_BLOCK, batch.horizon - first)))
        if not np.any(rollout.alive):
            break
    return rollout.returns.numpy(), rollout.lengths.numpy()


def begin(world_model: WorldModel, batch: DreamBatch, n_candidates: int) -> tuple[DreamNoise, Rules, Rollout]:
    """The noise of a batch of dreams, their rules, and the dreams at their starts."""
    seeds = batch.seeds
    noise = DreamNoise([np.random.default_rng(int(s)) for s in seeds.reshape(-1)], world_model.latent_size)
    price = np.array([world_model.task.price, world_model.step_cost], np.float32)
    observes_cell = world_model.task.observes_cell
    rules = Rules(world_model.memory, _bounds(world_model), price, batch.temperatures, batch.masks, observes_cell)
    chosen = None if batch.starts is None else np.tile(batch.starts, len(seeds))
    _, state = start_dreams(world_model, noise, range(seeds.size), chosen)
    shape = (n_candidates, seeds.shape[1])
    z, h, c = (np.broadcast_to(x.reshape(*seeds.shape, -1), (*shape, x.shape[-1])) for x in state)
    rollout = Rollout(z, h, c, np.zeros(shape, np.float32), np.zeros(shape, np.int32), np.ones(shape, bool))
    return noise, rules, rollout


def _bounds(world_model: WorldModel) -> np.ndarray:
    """The lowest and highest coded actions, ``(2, A)`` float32."""
    space: Any = world_model.codec.space
    if hasattr(space, "low"):
        return np.stack([space.low.reshape(-1), space.high.reshape(-1)]).astype(np.float32)
    return np.stack([np.zeros(space.n), np.ones(space.n)]).astype(np.float32)


def step(policy: PopulationPolicy, rules: Rules, parameters: Any, noise: Noise, now: Rollout) -> Rollout:
    """One step of the C x D dreams of a population inside a TensorFlow program. Every dream is a row.

    ``rules`` holds temperatures ``(C * D, 1)`` and masks ``(C * D, H)``; the noise is ``(C * D, Z)``.
    """
    from dreamgym.running.tensorflow import tf, tnp

    rows, n_candidates = now.z.shape[0], parameters.shape[0]
    observed = [now.z, now.h, now.c] if rules.observes_cell else [now.z, now.h]
    observations = tf.reshape(tf.concat(observed, -1), (n_candidates, rows // n_candidates, -1))
    codes = policy(tnp, parameters, observations)
    codes = tf.clip_by_value(tf.reshape(codes, (rows, codes.shape[-1])), rules.bounds[0], rules.bounds[1])
    h, c = lstm_step(tnp, rules.memory, now.z, codes, (now.h, now.c), mask=rules.masks)
    z, target, done_logit = sample(tnp, rules.memory, h, noise, rules.temperatures)
    returns = now.returns + tf.where(now.alive, rules.price[0] * target + rules.price[1], 0.0)
    lengths = now.lengths + tf.cast(now.alive, tf.int32)
    return Rollout(z, h, c, returns, lengths, tf.logical_and(now.alive, done_logit <= 0))


@lru_cache(maxsize=32)
def _population_program(policy: PopulationPolicy, shapes: tuple[Any, ...]) -> Callable[..., Rollout]:
    """A program of up to ``NOISE_BLOCK`` steps of all dreams, compiled for a policy and ``shapes``.

    Noise is an input, because drawing it inside an XLA program on the CPU takes several times as long as M's matrix
    products. The cache keeps 32 programs; one ``tf.function`` for all shapes would keep every program.
    """
    from dreamgym.running.tensorflow import tf

    @tf.function(jit_compile=True, autograph=False)
    def block(rules: Rules, parameters: Any, noise: Noise, rollout: Rollout, n_steps: Any) -> Rollout:
        n_candidates, n_dreams, _ = rollout.z.shape

        def flat(x: Any) -> Any:
            shape = (n_candidates, n_dreams, x.shape[-1])
            return tf.reshape(tf.broadcast_to(x, shape), (-1, x.shape[-1]))

        flat_rules = rules._replace(
            temperatures=flat(rules.temperatures[:, None]), masks=None if rules.masks is None else flat(rules.masks)
        )

        def advance(t: Any, now: Rollout) -> tuple[Any, Rollout]:
            drawn = Noise(flat(noise.uniform[:, :, t]), flat(noise.normal[:, :, t]))
            return t + 1, step(policy, flat_rules, parameters, drawn, now)

        initial = Rollout(*(flat(x) for x in rollout[:3]), *(tf.reshape(x, (-1,)) for x in rollout[3:]))
        _, final = tf.while_loop(lambda t, _: t < n_steps, advance, (0, initial))
        return Rollout(*(tf.reshape(x, (n_candidates, n_dreams, *x.shape[1:])) for x in final))

    return block
