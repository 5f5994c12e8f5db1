"""The log of a search: the fitness of every generation beside the scores of the search's mean."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from dreamgym.errors import ExperimentError
from dreamgym.running.files import read_npz, write_figure, write_whole


@dataclass(frozen=True)
class Report:
    """The statistics of one generation."""

    generation: int  # counted from 0
    mean: float  # the candidates' mean fitness
    best: float  # the greatest fitness
    sd: float  # the standard deviation of the fitness
    sigma: float  # the step size after the generation
    score: float | None  # the score of the mean after the generation, if it was scored
    seconds: float  # the generation's wall time; 0 if it was replayed and no log has its time


def scored_means(folder: Path) -> tuple[list[np.ndarray], list[float]]:
    """The means of a search, ``(P,)`` each, that were scored in the real game, and their mean scores."""
    scores = GenerationLog(folder).scores
    means = [read_npz(folder / f"generation-{generation:04d}.npz")["mean"] for generation in scores]
    return means, [float(np.mean(found)) for found in scores.values()]


class GenerationLog:
    """Writes ``log.csv``, ``scores.json`` and ``curves.png`` of a search's folder. Reads scores that it holds."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.reports: list[Report] = []
        self._seconds = self._read_seconds()
        self.scores: dict[int, list[float]] = {}  # the score of every episode, by generation
        path = folder / "scores.json"
        if path.is_file():
            try:
                self.scores = {
                    int(key): [float(score) for score in np.atleast_1d(value)]
                    for key, value in json.loads(path.read_text()).items()
                }
            except (ValueError, AttributeError, TypeError) as error:
                raise ExperimentError(f"{path} is broken ({error}); delete it to have it scored again") from error

    def add_scores(self, generation: int, scores: Sequence[float]) -> None:
        """Saves the score of every episode at once: they took minutes to measure."""
        self.scores[generation] = list(scores)
        write_whole(self.folder / "scores.json", json.dumps(self.scores).encode())

    def add(self, generation: int, fitness: np.ndarray, sigma: float, seconds: float) -> None:
        """Adds a generation's row. For 0 seconds the time is taken from the log of the earlier run."""
        self.reports.append(
            Report(
                generation,
                float(fitness.mean()),
                float(fitness.max()),
                float(fitness.std()),
                sigma,
                float(np.mean(self.scores[generation])) if generation in self.scores else None,
                seconds or self._seconds.get(generation, 0.0),
            )
        )

    def standard_error(self, generation: int) -> float:
        """The standard error of a generation's score; 0 for a single episode."""
        scores = self.scores[generation]
        return float(np.std(scores, ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else 0.0

    def best(self) -> int | None:
        """The generation with the best score, the first one of equal ones; None if there is no score."""
        scored = [report for report in self.reports if report.score is not None]
        if not scored:
            return None
        return max(scored, key=lambda report: (report.score, -report.generation)).generation

    def write(self) -> None:
        """Writes ``log.csv``, and ``curves.png`` if the last generation has a score."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Report)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(report) for report in self.reports)
        write_whole(self.folder / "log.csv", text.getvalue().encode())
        if self.reports and self.reports[-1].score is not None:
            self.draw()

    def draw(self) -> None:
        """Plots ``curves.png``: the fitness of the candidates and the scores of the means."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        generations = [report.generation for report in self.reports]
        mean, sd = (np.array([getattr(report, name) for report in self.reports]) for name in ("mean", "sd"))
        axes.fill_between(generations, mean - sd, mean + sd, alpha=0.2)
        axes.plot(generations, mean, label="candidates' mean (± sd)")
        axes.plot(generations, [report.best for report in self.reports], linewidth=0.8, label="best candidate")
        scores = {r.generation: r.score for r in self.reports if r.score is not None}
        if scores:
            axes.plot(list(scores), list(scores.values()), "o-", label="real score of the mean")
        axes.set(xlabel="generation", ylabel="return")
        axes.legend()
        axes.grid(alpha=0.3)
        write_figure(self.folder / "curves.png", figure)

    def _read_seconds(self) -> dict[int, float]:
        try:
            with (self.folder / "log.csv").open() as file:
                return {int(row["generation"]): float(row["seconds"]) for row in csv.DictReader(file)}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
