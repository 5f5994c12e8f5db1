"""Search for a linear controller by any fitness, in the dream, and in the real game."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dreamgym.dream.gradient import Differentiated, differentiate
from dreamgym.dream.imagination import Dreams, dropout_masks, imagine
from dreamgym.dream.split import SplitImagine
from dreamgym.errors import ExperimentError
from dreamgym.evolution.curves import GenerationLog, Report
from dreamgym.evolution.gradient_search import GradientSearch
from dreamgym.evolution.search import CmaSearch
from dreamgym.evolution.settings import SearchSettings
from dreamgym.models.dynamics import MemoryArrays
from dreamgym.policies.controller import LinearController, linear_policy
from dreamgym.running.jobs import Executor
from dreamgym.running.provenance import hash_arrays
from dreamgym.running.seeding import derive_seed
from dreamgym.world_model import WorldModel

Score = Callable[[np.ndarray], Sequence[float]]
"""``score(parameters)`` scores the mean of a search in the real game: one number per episode."""
Returns = Callable[[np.ndarray, int], np.ndarray]
"""``returns(parameters (C, P), seed)`` plays all candidates on the same episodes: ``(C,)`` or ``(C, episodes)``."""


class Trained(NamedTuple):
    """The outcome of a search."""

    controller: LinearController  # the best checkpoint by its score; the last mean where nothing was scored
    score: float | None  # its mean score, if it has one
    mean: np.ndarray  # the last mean, ``(P,)`` float64
    fitness: float  # the candidates' mean fitness in the last generation
    latest_score: float | None  # the mean score of the last mean, if it has one
    standard_error: float  # of ``score``; 0 if there is none


@dataclass(frozen=True)
class Beginning:
    """How a search begins and whom it tells."""

    seed: int = 0  # decides everything
    initial: np.ndarray | LinearController | None = None  # A controller or parameters to begin with; zeros if None
    score: Score | None = None  # scores the mean every ``select_every`` generations; the best checkpoint is kept
    on_generation: Callable[[Report], None] | None = None  # called after each new generation


def train_in_dream(
    world_model: WorldModel,
    folder: str | Path,
    settings: SearchSettings,
    beginning: Beginning = Beginning(),
    members: Sequence[MemoryArrays] = (),
    *,
    machines: Executor | None = None,
) -> Trained:
    """Trains a linear controller in the dream. An interrupted search resumes after its last saved generation.

    All candidates of a generation meet the same starts, noise and dropout masks; every generation has fresh ones. With
    the method ``gradient`` there is one candidate, and a generation moves it along the gradient of its return.
    ``members`` is an ensemble of Ms that replaces the world model's own; each dream runs on one. The folder gets the
    generations, ``log.csv``, ``curves.png`` and ``best.npz``. ``machines``, an executor whose jobs have all cores of a
    machine, splits the candidates between them; otherwise, and for gradients, this process dreams.
    """
    zeros = _zeros(world_model, settings, beginning)
    policy = linear_policy(world_model.task.head(world_model.codec, zeros.head))
    horizon = world_model.dream_steps(min(settings.horizon, world_model.task.horizon))

    def dreams(generation: int) -> Dreams:
        seed = generation_seed(beginning.seed, generation)
        masks = None
        if settings.dropout:
            masks = dropout_masks(settings.dreams, world_model.hidden_size, settings.dropout, seed)
        return Dreams(
            n=settings.dreams,
            horizon=horizon,
            temperature=settings.temperature,
            seed=seed,
            recurrent_masks=masks,
            members=members,
        )

    dream = imagine if machines is None else SplitImagine(machines)

    def fitness(solutions: np.ndarray, generation: int) -> np.ndarray:
        returns = dream(world_model, policy, solutions.astype(np.float32), dreams(generation)).returns
        return returns.mean(axis=1, dtype=np.float64) - settings.l2 * np.sum(solutions**2, axis=1)

    def slope(parameters: np.ndarray, generation: int) -> Differentiated:
        found = differentiate(world_model, policy, parameters.astype(np.float32), dreams(generation))
        penalty, its_slope = settings.l2 * float(np.sum(parameters**2)), 2 * settings.l2 * parameters
        return Differentiated(found.mean_return - penalty, found.gradient - its_slope)

    description = {
        "kind": "dream",
        "dreams": settings.dreams,
        "horizon": horizon,
        "temperature": settings.temperature,
        "dropout": settings.dropout,
        "l2": settings.l2,
        "head": zeros.head,
        "memory": [hash_arrays(member._asdict()) for member in (members or [world_model.memory])],
    }
    if settings.method == "gradient":
        search = _gradient_search(zeros, Path(folder), description, settings, beginning)
        return _train(zeros, search, lambda: search.advance(slope), settings, beginning)
    evolution = _cma_search(zeros, Path(folder), description, settings, beginning)
    return _train(zeros, evolution, lambda: evolution.advance(fitness), settings, beginning)


def train_in_real(
    world_model: WorldModel,
    folder: str | Path,
    returns: Returns,
    settings: SearchSettings,
    beginning: Beginning = Beginning(),
) -> Trained:
    """Evolves a linear controller in the real game, seen through V and M."""

    def fitness(solutions: np.ndarray, generation: int) -> np.ndarray:
        played = returns(solutions.astype(np.float32), generation_seed(beginning.seed, generation))
        return np.asarray(played, np.float64).reshape(len(solutions), -1).mean(axis=1)

    zeros = _zeros(world_model, settings, beginning)
    description = {"kind": "real", "head": zeros.head, "memory": [hash_arrays(world_model.memory._asdict())]}
    search = _cma_search(zeros, Path(folder), description, settings, beginning)
    return _train(zeros, search, lambda: search.advance(fitness), settings, beginning)


def _cma_search(
    zeros: LinearController, folder: Path, fitness: Mapping[str, Any], settings: SearchSettings, beginning: Beginning
) -> CmaSearch:
    return CmaSearch(
        folder,
        _initial_mean(zeros, beginning.initial),
        sigma0=settings.sigma,
        population=settings.candidates,
        separable=settings.separable,
        seed=beginning.seed,
        settings=fitness,
    )


def _gradient_search(
    zeros: LinearController, folder: Path, slope: Mapping[str, Any], settings: SearchSettings, beginning: Beginning
) -> GradientSearch:
    return GradientSearch(
        folder,
        _initial_mean(zeros, beginning.initial),
        learning_rate=settings.learning_rate,
        clip=settings.gradient_clip,
        settings={"seed": beginning.seed, **slope},
    )


def _train(
    zeros: LinearController,
    search: CmaSearch | GradientSearch,
    advance: Callable[[], object],
    settings: SearchSettings,
    beginning: Beginning,
) -> Trained:
    """Advances a search to its last generation. Scores its mean now and then, and keeps the best one."""
    folder = search.folder
    log = GenerationLog(folder)

    def save_best() -> LinearController:
        best = log.best()
        controller = replace(zeros, parameters=search.mean if best is None else search.means[best])
        controller.save(folder / "best.npz")
        return controller

    def finish(generation: int, seconds: float) -> None:
        due = (generation + 1) % settings.select_every == 0 or generation + 1 == settings.generations
        if beginning.score is not None and due and generation not in log.scores:
            log.add_scores(generation, beginning.score(search.means[generation]))
        log.add(generation, search.fitnesses[generation], search.sigmas[generation], seconds)
        if beginning.on_generation is not None and seconds > 0:
            beginning.on_generation(log.reports[-1])

    for generation in range(search.generation):
        finish(generation, 0.0)
    while search.generation < settings.generations:
        began = time.perf_counter()
        advance()
        finish(search.generation - 1, time.perf_counter() - began)
        log.write()
        save_best()
    log.write()
    log.draw()
    best = log.best()
    return Trained(
        controller=save_best(),
        score=None if best is None else log.reports[best].score,
        mean=search.mean,
        fitness=float(np.mean(search.fitnesses[-1])),
        latest_score=log.reports[-1].score,
        standard_error=0.0 if best is None else log.standard_error(best),
    )


def _zeros(world_model: WorldModel, settings: SearchSettings, beginning: Beginning) -> LinearController:
    """A controller of the search's head and size."""
    return LinearController.zeros(world_model, head_name(world_model, settings.head, beginning.initial))


def _initial_mean(zeros: LinearController, initial: np.ndarray | LinearController | None) -> np.ndarray:
    if initial is None:
        return zeros.parameters.astype(np.float64)
    mean = np.asarray(initial.parameters if isinstance(initial, LinearController) else initial, np.float64)
    if mean.shape != zeros.parameters.shape:
        raise ExperimentError(
            f"initial parameters have shape {mean.shape}, head {zeros.head!r} takes {zeros.parameters.shape}"
        )
    return mean


def head_name(world_model: WorldModel, head: str | None, initial: np.ndarray | LinearController | None) -> str:
    """The name of the action head of a search: the one asked for, the initial controller's, or the task's first."""
    its_head = initial.head if isinstance(initial, LinearController) else None
    if head and its_head and head != its_head:
        raise ExperimentError(
            f"the initial controller has head {its_head!r}, the search is to have {head!r}; ask for {its_head!r}, or "
            "begin without the controller"
        )
    return head or its_head or world_model.task.default_head_name


def generation_seed(seed: int, generation: int) -> int:
    """The seed of a generation's dreams or episodes."""
    return derive_seed(seed, generation, bits=62)
