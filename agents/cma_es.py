"""CMA-ES: evolves a linear controller in the dream, or in any game that gives a population its scores."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.curves import GenerationLog, Report
from agents.search import CmaSearch, Fitness, digest
from dreamgym import LinearController, WorldModel, dropout_masks, imagine, linear_policy
from dreamgym.errors import ExperimentError

Score = Callable[[np.ndarray], float]


class Trained(NamedTuple):
    """What a search came to.

    Attributes:
        controller: The best checkpoint by its score; the last mean where nothing scored it.
        score: Its score, if it has one.
        mean: The search's last mean, ``(P,)`` float64, to start another search from.
        fitness: The candidates' mean fitness in the last generation.
        latest_score: The score of the last mean, if it has one.
    """

    controller: LinearController
    score: float | None
    mean: np.ndarray
    fitness: float
    latest_score: float | None


def train_in_dream(
    world_model: WorldModel,
    folder: str | Path,
    *,
    candidates: int = 64,
    dreams: int = 16,
    horizon: int | None = None,
    generations: int = 100,
    sigma0: float = 0.1,
    seed: int = 0,
    head: str | None = None,
    temperature: float | None = None,
    initial: np.ndarray | LinearController | None = None,
    members: Sequence[Any] = (),
    dropout: float = 0.0,
    l2: float = 0.0,
    score: Score | None = None,
    score_every: int = 10,
    on_generation: Callable[[Report], None] | None = None,
) -> Trained:
    """Evolves a linear controller in the dream; an interrupted search goes on from its last generation.

    All candidates of a generation meet the same starts, noise and masks, and every generation fresh ones.

    Args:
        world_model: What is dreamt of.
        folder: Where generations, ``log.csv``, ``curves.png`` and ``best.npz`` go.
        candidates: A generation's.
        dreams: Dreams a candidate.
        horizon: Steps a dream; the task's if None.
        generations: Of the whole search, the ones already there included.
        sigma0: The initial step size.
        seed: Decides everything.
        head: The action head's name; if None that of ``initial``, or else the task's first.
        temperature: τ; the world model's if None.
        initial: Where the search begins: parameters or a controller; zeros if None.
        members: An ensemble of Ms (their arrays) to dream with; each dream runs on one.
        dropout: How much of M's recurrence is dropped, by a mask drawn for each dream.
        l2: The penalty on a candidate's squared length, in units of return.
        score: ``score(parameters)``: what the real game says of a mean; the best by it is kept.
        score_every: Generations between scores.
        on_generation: Told what happened after each generation.

    Raises:
        ExperimentError: The folder holds another search, or ``initial`` does not fit the head.
        TrainingError: A return is not finite.
    """
    action_head = world_model.task.head(world_model.codec, head_name(world_model, head, initial))
    policy = linear_policy(action_head)
    length = world_model.task.horizon if horizon is None else horizon

    def fitness(solutions: np.ndarray, generation: int) -> np.ndarray:
        dream_seed = generation_seed(seed, generation)
        masks = dropout_masks(dreams, world_model.hidden_size, dropout, dream_seed) if dropout else None
        returns = imagine(
            world_model,
            policy,
            solutions.astype(np.float32),
            n_dreams=dreams,
            horizon=length,
            temperature=temperature,
            seed=dream_seed,
            recurrent_masks=masks,
            members=members,
        ).returns
        return returns.mean(axis=1, dtype=np.float64) - l2 * np.sum(solutions**2, axis=1)

    settings = {
        "kind": "dream",
        "dreams": dreams,
        "horizon": length,
        "temperature": world_model.temperature if temperature is None else temperature,
        "dropout": dropout,
        "l2": l2,
        "head": head,
        "memory": [digest(member) for member in (members or [world_model.memory])],
    }
    return train(
        world_model, folder, fitness, settings, candidates, generations, sigma0, seed, head, initial,
        score, score_every, on_generation,
    )  # fmt: skip


def train_in_real(
    world_model: WorldModel,
    folder: str | Path,
    returns: Callable[[np.ndarray, int], np.ndarray],
    *,
    candidates: int = 64,
    generations: int = 100,
    sigma0: float = 0.1,
    seed: int = 0,
    head: str | None = None,
    initial: np.ndarray | LinearController | None = None,
    score: Score | None = None,
    score_every: int = 10,
    on_generation: Callable[[Report], None] | None = None,
) -> Trained:
    """Evolves a linear controller in the real game, seen through V and M.

    Args:
        world_model: V and M.
        folder: As in :func:`train_in_dream`.
        returns: ``returns(parameters (C, P), seed)`` plays every candidate on the same tracks, which follow from
            the seed, and gives ``(C,)`` or ``(C, episodes)``.
        candidates: As in :func:`train_in_dream`, like all that follow.
        generations: See there.
        sigma0: See there.
        seed: See there.
        head: See there.
        initial: See there.
        score: See there.
        score_every: See there.
        on_generation: See there.

    Raises:
        ExperimentError: The folder holds another search.
        TrainingError: A return is not finite.
    """

    def fitness(solutions: np.ndarray, generation: int) -> np.ndarray:
        played = np.asarray(returns(solutions.astype(np.float32), generation_seed(seed, generation)), np.float64)
        return played.reshape(len(solutions), -1).mean(axis=1)

    settings = {"kind": "real", "head": head, "memory": [digest(world_model.memory)]}
    return train(
        world_model, folder, fitness, settings, candidates, generations, sigma0, seed, head, initial,
        score, score_every, on_generation,
    )  # fmt: skip


def train(
    world_model: WorldModel,
    folder: str | Path,
    fitness: Fitness,
    settings: Mapping[str, Any],
    candidates: int,
    generations: int,
    sigma0: float,
    seed: int,
    head: str | None,
    initial: np.ndarray | LinearController | None,
    score: Score | None,
    score_every: int,
    on_generation: Callable[[Report], None] | None,
) -> Trained:
    """Evolves a linear controller by any fitness; arguments as in :func:`train_in_dream`."""
    folder = Path(folder)
    name = head_name(world_model, head, initial)
    n_outputs = world_model.task.head(world_model.codec, name).n_outputs
    size = n_outputs * (world_model.latent_size + world_model.hidden_size + 1)
    mean = initial.parameters if isinstance(initial, LinearController) else initial
    mean = np.zeros(size) if mean is None else np.asarray(mean, np.float64)
    if mean.shape != (size,):
        raise ExperimentError(f"initial parameters have shape {mean.shape}, head {name!r} takes ({size},)")
    search = CmaSearch(folder, mean, sigma0, candidates, seed, settings)
    log = GenerationLog(folder)

    def controller(parameters: np.ndarray) -> LinearController:
        return LinearController(parameters.astype(np.float32), world_model.task.name, world_model.codec, name)

    def is_due(generation: int) -> bool:
        return score is not None and ((generation + 1) % score_every == 0 or generation + 1 == generations)

    def finish(generation: int, seconds: float) -> None:
        if score is not None and is_due(generation) and generation not in log.scores:
            log.add_score(generation, float(score(search.means[generation])))
        log.add(generation, search.fitnesses[generation], search.sigmas[generation], seconds)
        if on_generation is not None and seconds > 0:
            on_generation(log.reports[-1])

    for generation in range(search.generation):
        finish(generation, 0.0)
    while search.generation < generations:
        began = time.perf_counter()
        search.advance(fitness)
        finish(search.generation - 1, time.perf_counter() - began)
        best = log.best()
        log.write()
        controller(search.mean if best is None else search.means[best]).save(folder / "best.npz")
    best = log.best()
    chosen = controller(search.mean if best is None else search.means[best])
    chosen.save(folder / "best.npz")
    log.write()
    log.draw()
    return Trained(
        controller=chosen,
        score=None if best is None else log.scores[best],
        mean=search.mean,
        fitness=float(np.mean(search.fitnesses[-1])),
        latest_score=log.scores.get(search.generation - 1),
    )


def head_name(world_model: WorldModel, head: str | None, initial: np.ndarray | LinearController | None) -> str:
    """The name of the action head that a search has: the one asked for, its beginning's, or the task's first.

    Raises:
        ExperimentError: The search is to begin with a controller of another head than it is to have.
    """
    begun = initial.head if isinstance(initial, LinearController) else None
    if head and begun and head != begun:
        raise ExperimentError(
            f"the initial controller drives by head {begun!r}, the search is to evolve {head!r}; ask for {begun!r}, or "
            "begin without it"
        )
    return head or begun or next(iter(world_model.task.action_heads), "default")


def generation_seed(seed: int, generation: int) -> int:
    """A generation's own seed, far from every other generation's."""
    return int(np.random.SeedSequence([seed, generation]).generate_state(1, np.uint64)[0] >> 2)
