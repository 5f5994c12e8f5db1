"""Ascent along the gradient of a return by Adam, saves every update, and resumes bit for bit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.dream.gradient import Differentiated
from dreamgym.errors import ExperimentError, TrainingError
from dreamgym.running.files import read_npz, write_npz
from dreamgym.running.provenance import FORMATS, hash_arrays, keep_settings

Slope = Callable[[np.ndarray, int], Differentiated]
"""``slope(parameters (P,), generation)`` returns the mean return and its gradient."""

_MEAN_DECAY, _SQUARE_DECAY = 0.9, 0.999  # Adam's usual ones
_STATE = ("mean", "momentum", "square")


class GradientSearch:
    """A search that climbs along a gradient by Adam (Kingma & Ba 2015), with what :class:`CmaSearch` shows of itself.

    A generation is one update, saved as ``generation-0000.npz``: ``fitness`` ``(1,)``, the return before the update,
    and ``mean``, ``momentum`` and ``square`` ``(P,)`` after it. A search that is opened again goes on from them.

    Args:
        folder: For the generations.
        mean: The initial parameters, ``(P,)``.
        learning_rate: Adam's.
        clip: The largest length of a gradient; longer ones are scaled down to it.
        settings: Plain JSON data that the gradient depends on. It is saved, and must be the same on resuming.
    """

    def __init__(
        self,
        folder: Path,
        mean: np.ndarray,
        *,
        learning_rate: float = 0.003,
        clip: float = 1.0,
        settings: Mapping[str, Any] | None = None,
    ):
        self.folder = Path(folder)
        self.mean = np.array(mean, np.float64)  # the parameters that the search has come to, ``(P,)``
        self._momentum, self._square = np.zeros_like(self.mean), np.zeros_like(self.mean)
        self._learning_rate, self._clip = learning_rate, clip
        description = {
            "version": FORMATS["search"],
            "method": "gradient",
            "learning_rate": learning_rate,
            "clip": clip,
            "mean": hash_arrays({"mean": self.mean}),
            "slope": dict(settings or {}),
        }
        keep_settings(self.folder / "search.json", description, ExperimentError, "use another folder")
        self.generation = 0
        self.fitnesses: list[np.ndarray] = []
        self.sigmas: list[float] = []  # the learning rate: what a step size is here
        self.means: list[np.ndarray] = []
        while (path := self._path(self.generation)).is_file():
            self._read(path)

    def advance(self, slope: Slope) -> np.ndarray:
        """Does one update and saves it. Returns the return before it, ``(1,)``."""
        value, found = slope(self.mean, self.generation)
        gradient = np.asarray(found, np.float64)
        if gradient.shape != self.mean.shape or not np.isfinite([value, *gradient]).all():
            raise TrainingError(
                f"generation {self.generation}: the return is {value}, and {np.sum(~np.isfinite(gradient))} of "
                f"{gradient.size} numbers of its gradient are not finite; expected {self.mean.size} finite ones: "
                "through a long dream a gradient grows without bound, so give a shorter horizon"
            )
        gradient = gradient * min(1.0, self._clip / (float(np.linalg.norm(gradient)) + 1e-12))
        self._momentum = _MEAN_DECAY * self._momentum + (1 - _MEAN_DECAY) * gradient
        self._square = _SQUARE_DECAY * self._square + (1 - _SQUARE_DECAY) * gradient**2
        updates = self.generation + 1
        root = np.sqrt(self._square / (1 - _SQUARE_DECAY**updates)) + 1e-8
        self.mean = self.mean + self._learning_rate * self._momentum / (1 - _MEAN_DECAY**updates) / root
        self._keep(np.array([value], np.float64))
        write_npz(
            self._path(self.generation - 1),
            {
                "format_version": np.array(FORMATS["search"]),
                "fitness": self.fitnesses[-1],
                "mean": self.mean,
                "momentum": self._momentum,
                "square": self._square,
            },
        )
        return self.fitnesses[-1]

    def _keep(self, fitness: np.ndarray) -> None:
        self.generation += 1
        self.fitnesses.append(fitness)
        self.sigmas.append(self._learning_rate)
        self.means.append(self.mean)

    def _read(self, path: Path) -> None:
        try:
            arrays = read_npz(path)
            state, fitness = [arrays[name] for name in _STATE], arrays["fitness"]
            if any(array.shape != self.mean.shape for array in state) or fitness.shape != (1,):
                raise ValueError(f"expected arrays of shape {self.mean.shape} and a return")
        except (ValueError, KeyError) as error:
            raise ExperimentError(f"{path} is broken ({error}); delete it and later ones to continue") from error
        self.mean, self._momentum, self._square = state
        self._keep(fitness)

    def _path(self, generation: int) -> Path:
        return self.folder / f"generation-{generation:04d}.npz"
