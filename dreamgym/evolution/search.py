"""A CMA-ES search that maximises, saves every generation, and resumes bit for bit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.errors import ExperimentError, TrainingError
from dreamgym.running.files import read_npz, write_npz
from dreamgym.running.provenance import FORMATS, hash_arrays, keep_settings
from dreamgym.running.seeding import Stream, generator
from dreamgym.running.threads import one_thread

Fitness = Callable[[np.ndarray, int], np.ndarray]
"""``fitness(solutions (C, P), generation)`` returns one number per candidate, ``(C,)``; more is better."""


class CmaSearch:
    """A CMA-ES search that maximises.

    A generation is saved as ``generation-0000.npz``: ``solutions`` ``(C, P)``, ``fitness`` ``(C,)``, and the ``mean``
    and ``sigma`` after it. pycma is deterministic with a generator of its own. So a search that is opened again replays
    ask and tell with the saved fitness, and evaluates only generations that are not saved.

    Args:
        folder: For the generations.
        mean: The initial mean, ``(P,)``.
        sigma0: The initial step size.
        population: C, candidates per generation.
        separable: Whether the covariance matrix stays diagonal, which learns faster where there are many parameters.
        seed: Decides all that is drawn.
        settings: Plain JSON data that the fitness depends on. It is saved, and must be the same on resuming.
    """

    def __init__(
        self,
        folder: Path,
        mean: np.ndarray,
        *,
        sigma0: float = 0.1,
        population: int = 64,
        separable: bool = False,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ):
        import cma

        self.folder = Path(folder)
        mean = np.asarray(mean, np.float64)
        description = {
            "version": FORMATS["search"],
            "seed": seed,
            "sigma0": sigma0,
            "population": population,
            "separable": separable,
            "mean": hash_arrays({"mean": mean}),
            "fitness": dict(settings or {}),
        }
        keep_settings(self.folder / "search.json", description, ExperimentError, "use another folder")
        rng = generator(seed, Stream.SEARCH)
        options = {
            "popsize": population,
            "CMA_diagonal": separable,
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
        """The mean of the search distribution, ``(P,)`` float64."""
        return np.array(self._strategy.mean)

    def advance(self, fitness: Fitness) -> np.ndarray:
        """Does one generation and saves it. Returns its fitness, ``(C,)``."""
        solutions = self._ask()
        values = np.asarray(fitness(solutions, self.generation), np.float64)
        if values.shape != (len(solutions),) or not np.isfinite(values).all():
            raise TrainingError(
                f"generation {self.generation}: fitness has shape {values.shape} and "
                f"{np.sum(~np.isfinite(values))} values that are not finite; expected {len(solutions)} finite numbers"
            )
        self._tell(solutions, values)
        write_npz(
            self._path(self.generation - 1),
            {
                "format_version": np.array(FORMATS["search"]),
                "solutions": solutions,
                "fitness": values,
                "mean": self.mean,
                "sigma": np.array(self.sigmas[-1]),
            },
        )
        return values

    def _ask(self) -> np.ndarray:
        with one_thread():  # its matrices are small, and the result must not depend on the number of cores
            return np.array(self._strategy.ask())

    def _tell(self, solutions: np.ndarray, fitness: np.ndarray) -> None:
        state = np.random.get_state()  # noqa: NPY002 - pycma draws from the global generator; nobody must notice
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
            arrays = read_npz(path)
            saved, fitness = arrays["solutions"], arrays["fitness"]
        except (ValueError, KeyError) as error:
            raise ExperimentError(f"{path} is broken ({error}); delete it and later ones to continue") from error
        solutions = self._ask()
        if saved.shape != solutions.shape or not np.allclose(saved, solutions, rtol=1e-6, atol=1e-9):
            raise ExperimentError(f"{path} holds candidates that this search never asked for; use another folder")
        self._tell(saved, fitness)

    def _path(self, generation: int) -> Path:
        return self.folder / f"generation-{generation:04d}.npz"
