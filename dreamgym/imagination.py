"""A whole population of policies rolled out in the dream by one compiled program."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dreamgym.blas import one_thread
from dreamgym.dynamics import MemoryArrays, warm_up
from dreamgym.errors import PolicyError, WorldModelError
from dreamgym.noise import NOISE_BLOCK, DreamNoise
from dreamgym.steppers import PopulationPolicy, population_program
from dreamgym.world_model import WorldModel, check_temperature

MAX_ROWS = 4096
"""Dreams stepped at once. A row takes about 10 kB of state and activations, and 33 kB of noise where dreams
are not shared, so a call stays under 300 MB above TensorFlow's own whatever is asked for."""


class Imagined(NamedTuple):
    """What C candidates met in D dreams each.

    Attributes:
        returns: The sum of what each dream paid, ``(C, D)`` float32.
        lengths: The steps each dream lasted, the one that ended it included, ``(C, D)`` int32.
    """

    returns: np.ndarray
    lengths: np.ndarray


def imagine(
    world_model: WorldModel,
    policy: PopulationPolicy,
    parameters: np.ndarray,
    *,
    n_dreams: int = 16,
    starts: Sequence[int] | np.ndarray | None = None,
    horizon: int | None = None,
    temperature: float | np.ndarray | None = None,
    seed: int = 0,
    same_dreams: bool = True,
    recurrent_masks: np.ndarray | None = None,
    members: Sequence[MemoryArrays] = (),
) -> Imagined:
    """The returns of a population of policies in the dream.

    Compiled once for a policy and a shape; M's weights, the noise and the horizon are inputs of the program.
    Dream d is the one that ``gym.make("WorldModelDream-v0", ...)`` dreams after ``reset(seed=seed + d)``.

    Args:
        world_model: What is dreamt of.
        policy: ``policy(xp, parameters, observations)`` gives coded actions ``(C, D, A)`` for observations
            ``(C, D, Z + H)``, see :func:`dreamgym.policies.linear_policy`. Pass the same function object
            again to spare compiling again.
        parameters: ``(C, P)``, one row a candidate.
        n_dreams: D, dreams a candidate.
        starts: The start of each dream, ``(D,)``; drawn if None.
        horizon: Steps after which a dream is cut; the task's if None.
        temperature: A number or one a dream, ``(D,)``; the world model's if None.
        seed: Decides all that is drawn.
        same_dreams: Whether candidates share starts and noise. Otherwise dream d of candidate c is seeded
            ``seed + c * D + d``.
        recurrent_masks: Multiply ``h`` on its way into the recurrence, ``(D, H)``, see :func:`dropout_masks`.
        members: An ensemble of Ms to dream with in place of the world model's own; dream d runs on member
            ``d % len(members)``.

    Returns:
        Returns and lengths.

    Raises:
        WorldModelError: An argument has the wrong shape or range; the message says which.
        PolicyError: The policy cannot take the parameters, or gives no coded actions.
    """
    parameters = np.ascontiguousarray(parameters, np.float32)
    _check_policy(world_model, policy, parameters)
    horizon = world_model.task.horizon if horizon is None else horizon
    if n_dreams < 1 or horizon < 1:
        raise WorldModelError(f"n_dreams is {n_dreams} and horizon {horizon}, expected at least 1 of each")
    temperatures = _temperatures(world_model, temperature, n_dreams)
    indices = _checked_starts(world_model, starts, n_dreams)
    masks = _checked_masks(world_model, recurrent_masks, n_dreams)
    ensemble = list(members) or [world_model.memory]
    _check_members(world_model, ensemble)
    returns = np.empty((len(parameters), n_dreams), np.float32)
    lengths = np.empty((len(parameters), n_dreams), np.int32)
    for candidates in _slices(len(parameters), MAX_ROWS):
        n = candidates.stop - candidates.start
        for number, memory in enumerate(ensemble):
            own = np.arange(number, n_dreams, len(ensemble))
            for part in _slices(len(own), max(1, MAX_ROWS // n)):
                dreams = own[part]
                seeds = seed + dreams[None]
                if not same_dreams:
                    seeds = seed + np.arange(candidates.start, candidates.stop)[:, None] * n_dreams + dreams
                result = _imagine_rows(
                    world_model.replace(memory=memory),
                    policy,
                    parameters[candidates],
                    seeds,
                    None if indices is None else indices[dreams],
                    temperatures[dreams],
                    None if masks is None else masks[dreams],
                    horizon,
                )
                returns[candidates, dreams], lengths[candidates, dreams] = result
    return Imagined(returns, lengths)


def dropout_masks(n_dreams: int, hidden_size: int, rate: float, seed: int) -> np.ndarray:
    """Masks that drop a fraction of M's recurrence, one a dream, for :func:`imagine`.

    Args:
        n_dreams: D.
        hidden_size: H.
        rate: How much is dropped, in [0, 1); what is kept is scaled up by ``1 / (1 - rate)``.
        seed: Decides the masks.

    Returns:
        ``(D, H)`` float32.
    """
    if not 0 <= rate < 1:
        raise WorldModelError(f"dropout rate is {rate}, expected a number in [0, 1)")
    kept = np.random.default_rng([seed, 7]).random((n_dreams, hidden_size)) >= rate
    return kept.astype(np.float32) / np.float32(1 - rate)


def _imagine_rows(
    world_model: WorldModel,
    policy: PopulationPolicy,
    parameters: np.ndarray,
    seeds: np.ndarray,
    starts: np.ndarray | None,
    temperatures: np.ndarray,
    masks: np.ndarray | None,
    horizon: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns and lengths ``(C, D)`` of dreams seeded ``seeds``: ``(C, D)``, or ``(1, D)`` where all share them."""
    n_candidates, n_dreams = len(parameters), seeds.shape[1]
    noise = DreamNoise([np.random.default_rng(int(s)) for s in seeds.reshape(-1)], world_model.latent_size)
    z, h, c = _begin(world_model, noise, None if starts is None else np.tile(starts, len(seeds)))
    shape = (n_candidates, n_dreams)
    state = tuple(_spread(x.reshape(*seeds.shape, -1), shape) for x in (z, h, c))
    totals = (np.zeros(shape, np.float32), np.zeros(shape, np.int32), np.ones(shape, bool))
    block = population_program(
        policy, world_model.n_mixtures, (parameters.shape, seeds.shape, *(x.shape for x in state))
    )
    task, low_high = world_model.task, _bounds(world_model)
    price = np.array([task.price, task.step_cost], np.float32)
    for first in range(0, horizon, NOISE_BLOCK):
        noise.draw_blocks(range(seeds.size))
        drawn = [x.reshape(*seeds.shape, *x.shape[1:]) for x in (noise.uniform, noise.normal)]
        n_steps = np.int32(min(NOISE_BLOCK, horizon - first))
        state, totals = block(
            tuple(world_model.memory), parameters, drawn, temperatures, masks, low_high, price, state, totals, n_steps
        )
        if not np.any(totals[2]):
            break
    return totals[0].numpy(), totals[1].numpy()  # type: ignore[attr-defined]


def _begin(
    world_model: WorldModel, noise: DreamNoise, starts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    known = world_model.starts
    drawn = [noise.draw_start(i, len(known), known.mu.shape[1]) for i in range(len(noise.generators))]
    indices = np.array([index for index, _ in drawn]) if starts is None else starts
    normal = np.stack([normal for _, normal in drawn])
    with one_thread():
        return warm_up(np, world_model.memory, known.mu[indices], known.logvar[indices], known.action[indices], normal)


def _slices(n: int, limit: int) -> list[slice]:
    """The fewest nearly equal slices of ``range(n)`` that hold at most ``limit`` each."""
    n_parts = -(-n // limit)
    edges = [n * i // n_parts for i in range(n_parts + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _spread(x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(x, (*shape, x.shape[-1])))


def _bounds(world_model: WorldModel) -> np.ndarray:
    """The least and greatest coded action, ``(2, A)`` float32."""
    space: Any = world_model.codec.space
    if hasattr(space, "low"):
        return np.stack([space.low.reshape(-1), space.high.reshape(-1)]).astype(np.float32)
    return np.stack([np.zeros(space.n), np.ones(space.n)]).astype(np.float32)


def _temperatures(world_model: WorldModel, temperature: float | np.ndarray | None, n_dreams: int) -> np.ndarray:
    value = np.asarray(world_model.temperature if temperature is None else temperature, np.float32)
    if value.shape not in ((), (n_dreams,)):
        raise WorldModelError(f"temperature has shape {value.shape}, expected a number or ({n_dreams},), one a dream")
    for number in value.reshape(-1):
        check_temperature(float(number))
    return np.ascontiguousarray(np.broadcast_to(value, (n_dreams,)))


def _checked_starts(world_model: WorldModel, starts: Any, n_dreams: int) -> np.ndarray | None:
    if starts is None:
        return None
    indices = np.asarray(starts)
    if indices.shape != (n_dreams,) or not np.issubdtype(indices.dtype, np.integer):
        raise WorldModelError(f"starts are {indices.dtype} of shape {indices.shape}, expected {n_dreams} integers")
    if indices.min() < 0 or indices.max() >= len(world_model.starts):
        raise WorldModelError(f"starts reach {indices.max()}, the world model holds 0 to {len(world_model.starts) - 1}")
    return indices


def _checked_masks(world_model: WorldModel, masks: Any, n_dreams: int) -> np.ndarray | None:
    if masks is None:
        return None
    masks = np.ascontiguousarray(masks, np.float32)
    if masks.shape != (n_dreams, world_model.hidden_size):
        raise WorldModelError(
            f"recurrent_masks have shape {masks.shape}, expected ({n_dreams}, {world_model.hidden_size})"
        )
    return masks


def _check_policy(world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray) -> None:
    """Tries the policy in NumPy, since an error inside a compiled program explains nothing."""
    if parameters.ndim != 2 or 0 in parameters.shape:
        raise PolicyError(f"parameters have shape {parameters.shape}, expected (candidates, numbers)")
    observations = np.zeros((1, 1, world_model.latent_size + world_model.hidden_size), np.float32)
    try:
        codes = policy(np, parameters[:1], observations)
    except (ValueError, IndexError) as error:
        raise PolicyError(
            f"the policy cannot read observations of shape {observations.shape} "
            f"with parameters of shape {parameters[:1].shape}: {error}"
        ) from error
    if np.shape(codes) != (1, 1, world_model.codec.size):
        raise PolicyError(
            f"the policy gives {np.shape(codes)}, expected coded actions (1, 1, {world_model.codec.size})"
        )


def _check_members(world_model: WorldModel, members: list[MemoryArrays]) -> None:
    expected = [array.shape for array in world_model.memory]
    for number, member in enumerate(members):
        if [array.shape for array in member] != expected:
            raise WorldModelError(f"member {number} of the ensemble does not have the shapes of the world model's M")
