"""Returns of a population of policies in the dream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dreamgym.dream.population import DreamBatch, PopulationPolicy, roll_out
from dreamgym.errors import PolicyError, SettingsError, WorldModelError
from dreamgym.models.dynamics import MemoryArrays
from dreamgym.running.checks import at_least, check_settings
from dreamgym.running.seeding import Stream, generator
from dreamgym.world_model import WorldModel
from dreamgym.world_model_folder import check_temperature

MAX_ROWS = 4096
"""The largest number of dreams that are stepped together. It bounds memory: a dream takes about 10 kB of state and
activations, and another 33 kB of noise if the candidates do not share dreams."""


@dataclass(frozen=True, eq=False)
class Dreams:
    """The dreams that a population meets.

    Attributes:
        n: D, dreams per candidate.
        horizon: Steps of M after which a dream is truncated; None takes those of the task's horizon.
        temperature: τ above 0, a number or one per dream ``(D,)``; None takes the world model's temperature.
        seed: Dream d has the seed ``seed + d``.
        starts: Indices of starts, ``(D,)`` integers; None draws them.
        shared: Whether all candidates meet the same starts and noise. Otherwise dream d of candidate c has the seed
            ``seed + c * D + d``.
        recurrent_masks: Factors of ``h`` in the recurrence, ``(D, H)``, see :func:`dropout_masks`.
        members: An ensemble of Ms that replaces the world model's M. Dream d uses member ``d % len(members)``.

    Raises:
        SettingsError: ``n`` or ``horizon`` is below 1.
    """

    n: int = 16
    horizon: int | None = None
    temperature: float | np.ndarray | None = None
    seed: int = 0
    starts: Sequence[int] | np.ndarray | None = None
    shared: bool = True
    recurrent_masks: np.ndarray | None = None
    members: Sequence[MemoryArrays] = ()

    def __post_init__(self) -> None:
        check_settings(self, n=at_least(1), horizon=at_least(1))


class Imagined(NamedTuple):
    """The outcome of C candidates in D dreams each."""

    returns: np.ndarray  # undiscounted sums of rewards, ``(C, D)`` float32
    lengths: np.ndarray  # steps, including the last one, ``(C, D)`` int32


def imagine(
    world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray, dreams: Dreams = Dreams()
) -> Imagined:
    """Rolls out a population of policies in the dream.

    Without masks and members, a dream with seed s is what ``WorldModelDream-v0`` dreams after ``reset(seed=s)``, to
    float32 rounding. The program is compiled once per policy and shape; weights, noise and horizon are its inputs.

    Args:
        world_model: The world model.
        policy: ``policy(xp, parameters, observations)`` returns coded actions ``(C, D, A)`` for observations
            ``(C, D, O)``, see :func:`dreamgym.linear_policy`. A new function object, even of
            the same policy, is compiled again.
        parameters: ``(C, P)``, one row per candidate.
        dreams: The dreams.

    Raises:
        SettingsError: ``starts``, ``temperature`` or ``recurrent_masks`` has a wrong shape, or a start does not exist.
        WorldModelError: A temperature is not above 0, or a member does not have the shapes of the world model's M.
        PolicyError: The policy cannot read the parameters, or does not return coded actions.
    """
    parameters = np.ascontiguousarray(parameters, np.float32)
    check_policy(world_model, policy, parameters)
    temperatures = dream_temperatures(world_model, dreams)
    starts, masks = start_indices(world_model, dreams), recurrent_masks(world_model, dreams)
    members = ensemble(world_model, dreams)
    horizon = dreams.horizon or world_model.dream_steps()
    shape = (len(parameters), dreams.n)
    returns, lengths = np.empty(shape, np.float32), np.empty(shape, np.int32)
    for candidates, member, rows in _parts(*shape, len(members)):
        first_seeds = np.zeros((1, 1), int) if dreams.shared else candidates[:, None] * dreams.n
        batch = DreamBatch(
            seeds=dreams.seed + first_seeds + rows,
            starts=None if starts is None else starts[rows],
            temperatures=temperatures[rows],
            masks=None if masks is None else masks[rows],
            horizon=horizon,
        )
        result = roll_out(members[member], policy, parameters[candidates], batch)
        returns[np.ix_(candidates, rows)], lengths[np.ix_(candidates, rows)] = result
    return Imagined(returns, lengths)


def dropout_masks(n_dreams: int, hidden_size: int, rate: float, seed: int) -> np.ndarray:
    """Draws dropout masks ``(n_dreams, hidden_size)`` float32 for :class:`Dreams`.

    A mask drops a unit with probability ``rate`` in [0, 1), and multiplies a kept one by ``1 / (1 - rate)``.

    Raises:
        SettingsError: The rate is outside [0, 1).
    """
    if not 0 <= rate < 1:
        raise SettingsError(f"dropout rate is {rate}, expected a number in [0, 1)")
    kept = generator(seed, Stream.DROPOUT).random((n_dreams, hidden_size)) >= rate
    return kept.astype(np.float32) / np.float32(1 - rate)


def _parts(n_candidates: int, n_dreams: int, n_members: int) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
    """Indices of candidates, a member and the indices of its dreams; at most ``MAX_ROWS`` dreams in each part."""
    for candidates in _split(np.arange(n_candidates), MAX_ROWS):
        for member in range(n_members):
            for rows in _split(np.arange(member, n_dreams, n_members), max(1, MAX_ROWS // len(candidates))):
                yield candidates, member, rows


def _split(indices: np.ndarray, limit: int) -> list[np.ndarray]:
    """The fewest nearly equal parts of at most ``limit`` indices each."""
    n_parts = -(-len(indices) // limit)
    edges = [len(indices) * i // n_parts for i in range(n_parts + 1)]
    return [indices[a:b] for a, b in pairwise(edges)]


def dream_temperatures(world_model: WorldModel, dreams: Dreams) -> np.ndarray:
    """The temperatures, checked, one per dream, ``(D,)`` float32."""
    value = np.asarray(world_model.temperature if dreams.temperature is None else dreams.temperature, np.float32)
    if value.shape not in ((), (dreams.n,)):
        raise SettingsError(f"temperature has shape {value.shape}, expected a number or one per dream ({dreams.n},)")
    for number in value.reshape(-1):
        check_temperature(float(number))
    return np.ascontiguousarray(np.broadcast_to(value, (dreams.n,)))


def start_indices(world_model: WorldModel, dreams: Dreams) -> np.ndarray | None:
    """The chosen starts, checked, ``(D,)``; None where they are drawn."""
    if dreams.starts is None:
        return None
    indices = np.asarray(dreams.starts)
    if indices.shape != (dreams.n,) or not np.issubdtype(indices.dtype, np.integer):
        raise SettingsError(f"starts are {indices.dtype} of shape {indices.shape}, expected {dreams.n} integers")
    if indices.min() < 0 or indices.max() >= len(world_model.starts):
        highest = len(world_model.starts) - 1
        raise SettingsError(f"starts are from {indices.min()} to {indices.max()}, expected indices from 0 to {highest}")
    return indices


def recurrent_masks(world_model: WorldModel, dreams: Dreams) -> np.ndarray | None:
    """The dropout masks, checked, ``(D, H)`` float32; None where there are none."""
    if dreams.recurrent_masks is None:
        return None
    masks = np.ascontiguousarray(dreams.recurrent_masks, np.float32)
    expected = (dreams.n, world_model.hidden_size)
    if masks.shape != expected:
        raise SettingsError(f"recurrent_masks have shape {masks.shape}, expected {expected}")
    return masks


def ensemble(world_model: WorldModel, dreams: Dreams) -> list[WorldModel]:
    """The world model with each of the dreams' Ms, checked; the world model itself where there are none.

    Dream d runs on member d modulo their number, so members beyond the number of dreams have none and are left out.
    """
    expected = [array.shape for array in world_model.memory]
    for number, member in enumerate(dreams.members):
        if [array.shape for array in member] != expected:
            raise WorldModelError(f"member {number} of the ensemble does not have the shapes of the world model's M")
    return [world_model.replace(memory=member) for member in dreams.members[: dreams.n]] or [world_model]


def check_policy(world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray) -> None:
    """Calls the policy with NumPy arrays, because errors inside a compiled program do not name the cause."""
    if parameters.ndim != 2 or 0 in parameters.shape:
        raise PolicyError(f"parameters have shape {parameters.shape}, expected (candidates, numbers)")
    observations = np.zeros((1, 1, world_model.observation_size), np.float32)
    try:
        codes: Any = policy(np, parameters[:1], observations)
    except (ValueError, IndexError) as error:
        raise PolicyError(
            f"the policy cannot read observations of shape {observations.shape} "
            f"with parameters of shape {parameters[:1].shape}: {error}"
        ) from error
    if np.shape(codes) != (1, 1, world_model.codec.size):
        raise PolicyError(
            f"the policy returns shape {np.shape(codes)}, expected coded actions (1, 1, {world_model.codec.size})"
        )
