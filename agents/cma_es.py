"""CMA-ES: evolves a linear controller in the dream, or in any game that gives a population its scores."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.curves import GenerationLog, Report
from dreamgym import LinearController, WorldModel, dropout_masks, imagine, linear_policy
from dreamgym.blas import one_thread
from dreamgym.errors import ExperimentError, TrainingError
from dreamgym.files import write_whole

Fitness = Callable[[np.ndarray, int], np.ndarray]
"""``fitness(solutions (C, P), generation)`` gives one number a candidate, ``(C,)``; more is better."""
Score = Callable[[np.ndarray], float]
FORMAT_VERSION = 1


class Trained(NamedTuple):
    """What a search came to.

    Attributes:
        controller: The best checkpoint by its score; the last mean where nothing scored it.
        score: Its score, if it has one.
        mean: The search's last mean, ``(P,)`` float64, to start another search from.
        fitness: The candidates' mean fitness in the last generation.
    """

    controller: LinearController
    score: float | None
    mean: np.ndarray
    fitness: float


class CmaSearch:
    """A CMA-ES search that maximises, saves every generation, and resumes bit for bit.

    A generation is ``generation-0000.npz``: ``solutions`` ``(C, P)``, ``fitness`` ``(C,)``, and the ``mean`` and
    ``sigma`` they led to. With its own generator pycma is deterministic, so a search that is opened again
    replays ask and tell on the saved fitness, and only an unfinished generation is done anew.

    Args:
        folder: Where the generations are.
        mean: Where the search begins, ``(P,)``.
        sigma0: The initial step size.
        population: C, candidates a generation.
        seed: Decides all that is drawn; 0 is a seed.
        settings: Plain JSON data that the fitness depends on, kept beside the generations.

    Raises:
        ExperimentError: The folder holds another search, or a generation in it is broken.
    """

    def __init__(
        self,
        folder: Path,
        mean: np.ndarray,
        sigma0: float = 0.1,
        population: int = 64,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ):
        import cma

        self.folder = Path(folder)
        mean = np.asarray(mean, np.float64)
        self._check_settings(mean, sigma0, population, seed, dict(settings or {}))
        rng = np.random.default_rng([seed, 11])
        options = {
            "popsize": population,
            "randn": lambda *shape: rng.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
            "verb_log": 0,
            "signals_filename": "",
        }
        self._strategy = cma.CMAEvolutionStrategy(mean, sigma0, options)
        self.generation = 0
        self.fitnesses: list[np.ndarray] = []
        self.sigmas: list[float] = []
        self.means: list[np.ndarray] = []
        while (path := self._path(self.generation)).is_file():
            self._replay(path)

    @property
    def mean(self) -> np.ndarray:
        """The centre of the search, ``(P,)`` float64."""
        return np.array(self._strategy.mean)

    def advance(self, fitness: Fitness) -> np.ndarray:
        """One generation: asks, evaluates, tells, saves; gives the fitness of its candidates, ``(C,)``.

        Raises:
            TrainingError: The fitness is not one finite number a candidate.
        """
        solutions = self._ask()
        values = np.asarray(fitness(solutions, self.generation), np.float64)
        if values.shape != (len(solutions),) or not np.isfinite(values).all():
            raise TrainingError(
                f"generation {self.generation}: fitness has shape {values.shape} and "
                f"{np.sum(~np.isfinite(values))} values that are not finite; expected {len(solutions)} finite numbers"
            )
        self._tell(solutions, values)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            format_version=np.int64(FORMAT_VERSION),
            solutions=solutions,
            fitness=values,
            mean=self.mean,
            sigma=np.float64(self.sigmas[-1]),
        )
        write_whole(self._path(self.generation - 1), buffer.getvalue())
        return values

    def _ask(self) -> np.ndarray:
        with one_thread():  # its matrices are small, and one thread's results do not depend on the machine's cores
            return np.array(self._strategy.ask())

    def _tell(self, solutions: np.ndarray, fitness: np.ndarray) -> None:
        state = np.random.get_state()  # noqa: NPY002 - pycma draws from the global generator, nobody else may notice
        try:
            with one_thread():
                self._strategy.tell(list(solutions), (-fitness).tolist())
        finally:
            np.random.set_state(state)  # noqa: NPY002
        self.generation += 1
        self.fitnesses.append(fitness)
        self.sigmas.append(float(self._strategy.sigma))
        self.means.append(self.mean)

    def _replay(self, path: Path) -> None:
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                saved, fitness = file["solutions"], file["fitness"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise ExperimentError(f"{path} is broken ({error}); delete it and what follows to go on before") from error
        solutions = self._ask()
        if saved.shape != solutions.shape or not np.allclose(saved, solutions, rtol=1e-6, atol=1e-9):
            raise ExperimentError(f"{path} holds candidates that this search never asked for; use another folder")
        self._tell(saved, fitness)

    def _path(self, generation: int) -> Path:
        return self.folder / f"generation-{generation:04d}.npz"

    def _check_settings(
        self, mean: np.ndarray, sigma0: float, population: int, seed: int, settings: dict[str, Any]
    ) -> None:
        mine = {
            "version": FORMAT_VERSION,
            "seed": seed,
            "sigma0": sigma0,
            "population": population,
            "mean": digest([mean]),
            "fitness": settings,
        }
        path = self.folder / "search.json"
        if not path.is_file():
            write_whole(path, json.dumps(mine, indent=2).encode())
            return
        try:
            found = json.loads(path.read_text())
            different = sorted(key for key in mine if json.dumps(found.get(key)) != json.dumps(mine[key]))
        except (ValueError, AttributeError) as error:
            raise ExperimentError(f"{path} is broken ({error}); use another folder") from error
        if different:
            raise ExperimentError(f"{path} is of a search with other settings ({different}); use another folder")


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
        head: The action head's name; the task's first if None.
        temperature: τ; the world model's if None.
        initial: Where the search begins: parameters or a controller; zeros if None.
        members: An ensemble of Ms (their arrays) to dream with; each dream runs on one.
        dropout: How much of M's recurrence is dropped, by a mask drawn for each dream.
        l2: The penalty on a candidate's squared length, in units of return.
        score: ``score(parameters)``: what the real game says of a mean; the best by it is kept.
        score_every: Generations between scores.
        on_generation: Told what happened after each generation.

    Raises:
        ExperimentError: The folder holds another search.
        TrainingError: A return is not finite.
    """
    action_head = world_model.task.head(world_model.codec, head)
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
    head_name = head or next(iter(world_model.task.action_heads), "default")
    n_outputs = world_model.task.head(world_model.codec, head_name).n_outputs
    size = n_outputs * (world_model.latent_size + world_model.hidden_size + 1)
    mean = initial.parameters if isinstance(initial, LinearController) else initial
    mean = np.zeros(size) if mean is None else np.asarray(mean, np.float64)
    if mean.shape != (size,):
        raise ExperimentError(f"initial parameters have shape {mean.shape}, head {head_name!r} takes ({size},)")
    search = CmaSearch(folder, mean, sigma0, candidates, seed, settings)
    log = GenerationLog(folder)

    def controller(parameters: np.ndarray) -> LinearController:
        return LinearController(parameters.astype(np.float32), world_model.task.name, world_model.codec, head_name)

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
        chosen, None if best is None else log.scores[best], search.mean, float(np.mean(search.fitnesses[-1]))
    )


def generation_seed(seed: int, generation: int) -> int:
    """A generation's own seed, far from every other generation's."""
    return int(np.random.SeedSequence([seed, generation]).generate_state(1, np.uint64)[0] >> 2)


def digest(arrays: Sequence[np.ndarray]) -> str:
    """A short fingerprint of arrays."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]
