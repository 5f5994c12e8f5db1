"""A CMA-ES search that maximises, keeps every generation in a file, and resumes bit for bit."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.blas import one_thread
from dreamgym.errors import ExperimentError, TrainingError
from dreamgym.files import write_whole

Fitness = Callable[[np.ndarray, int], np.ndarray]
"""``fitness(solutions (C, P), generation)`` gives one number a candidate, ``(C,)``; more is better."""
FORMAT_VERSION = 1


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


def digest(arrays: Sequence[np.ndarray]) -> str:
    """A short fingerprint of arrays."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]
