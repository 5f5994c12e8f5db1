"""Gradients through the dream: how a policy's mean return in dreams changes with its parameters."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dreamgym.dream.imagination import (
    Dreams,
    check_policy,
    dream_temperatures,
    ensemble,
    recurrent_masks,
    start_indices,
)
from dreamgym.dream.population import DreamBatch, PopulationPolicy, Rollout, Rules, begin, step
from dreamgym.models.dynamics import Noise
from dreamgym.world_model import WorldModel


class Differentiated(NamedTuple):
    """A policy's mean return in D dreams, and its gradient."""

    mean_return: float  # of the dreams, undiscounted
    gradient: np.ndarray  # of the mean return with respect to the parameters, ``(P,)`` float32


def differentiate(
    world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray, dreams: Dreams
) -> Differentiated:
    """The mean return of one policy in dreams, and its gradient by backpropagation through M and the policy.

    The dreams are those that :func:`dreamgym.imagine` dreams with the same arguments. The mixtures that the noise
    selects, and the step at which a dream ends, count as fixed. The program is compiled once per policy and shape.

    Args:
        world_model: The world model.
        policy: As :func:`dreamgym.imagine` takes it, made of operations that have gradients.
        parameters: ``(P,)``.
        dreams: All that :func:`dreamgym.imagine` takes. All are stepped together: they need memory for every step.

    Raises:
        SettingsError: As for :func:`dreamgym.imagine`.
        WorldModelError: As for :func:`dreamgym.imagine`.
        PolicyError: As for :func:`dreamgym.imagine`.
    """
    parameters = np.ascontiguousarray(parameters, np.float32)
    check_policy(world_model, policy, parameters[None])
    temperatures, starts = dream_temperatures(world_model, dreams), start_indices(world_model, dreams)
    members, masks = ensemble(world_model, dreams), recurrent_masks(world_model, dreams)
    horizon = dreams.horizon or world_model.dream_steps()
    value, gradient = 0.0, np.zeros_like(parameters)
    for number, member in enumerate(members):
        rows = np.arange(number, dreams.n, len(members))
        batch = DreamBatch(
            seeds=dreams.seed + rows[None],
            starts=None if starts is None else starts[rows],
            temperatures=temperatures[rows],
            masks=None if masks is None else masks[rows],
            horizon=horizon,
        )
        found = _differentiate(member, policy, parameters, batch)
        value += found.mean_return * len(rows) / dreams.n
        gradient += found.gradient * np.float32(len(rows) / dreams.n)
    return Differentiated(value, gradient)


def _differentiate(
    world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray, batch: DreamBatch
) -> Differentiated:
    noise, rules, begun = begin(world_model, batch, n_candidates=1)
    rules = rules._replace(temperatures=batch.temperatures[:, None])
    begun = Rollout(*(array[0] for array in begun))
    shapes = tuple(array.shape for array in world_model.memory)
    program = _program(policy, (batch.horizon, batch.seeds.shape, batch.masks is None, parameters.shape, *shapes))
    value, gradient = program(parameters, rules, noise.steps(batch.horizon), begun)
    return Differentiated(float(value), gradient.numpy())


@lru_cache(maxsize=8)
def _program(policy: PopulationPolicy, shapes: tuple[Any, ...]) -> Callable[..., Any]:
    """The compiled mean return and gradient of ``shapes[0]`` steps."""
    from dreamgym.running.tensorflow import tf

    horizon = shapes[0]

    @tf.function(jit_compile=True, autograph=False)
    def program(parameters: Any, rules: Rules, noise: Noise, begun: Rollout) -> tuple[Any, Any]:
        def advance(t: Any, now: Rollout) -> tuple[Any, Rollout]:
            return t + 1, step(policy, rules, parameters[None], Noise(noise.uniform[:, t], noise.normal[:, t]), now)

        with tf.GradientTape() as tape:
            tape.watch(parameters)
            begun = Rollout(*map(tf.convert_to_tensor, begun))
            # XLA needs the number of steps, to keep what the way back needs.
            _, ended = tf.while_loop(lambda t, _: t < horizon, advance, (0, begun), maximum_iterations=horizon)
            value = tf.reduce_mean(ended.returns)
        return value, tape.gradient(value, parameters)

    return program
