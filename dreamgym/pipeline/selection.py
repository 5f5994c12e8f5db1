"""Selection of the controller that an experiment ends with, by real episodes that are used for nothing else.

The best controllers of the rounds are tried with calmer action heads, too. The best of all of those play more episodes.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dreamgym.errors import ExperimentError
from dreamgym.policies.controller import LinearController
from dreamgym.running.files import write_whole
from dreamgym.running.provenance import hash_arrays
from dreamgym.tasks import Task


@dataclass(frozen=True)
class Entrant:
    """A round's controller with one of the heads that fit it."""

    round: int
    controller: LinearController

    @property
    def label(self) -> str:
        """What it is called in progress lines."""
        return f"round {self.round}, {self.controller.head}"

    def key(self, seeds: Sequence[int]) -> str:
        """What its scores in some episodes are kept by."""
        stamp = hash_arrays({"parameters": self.controller.parameters})
        return f"{self.label}, {stamp}, episodes {seeds[0]} to {seeds[-1]}"


Play = Callable[[Entrant, Sequence[int]], Sequence[float]]
"""``play(entrant, seeds)`` plays real episodes and returns their scores."""


def entrants(task: Task, controllers: Sequence[tuple[int, LinearController]]) -> list[Entrant]:
    """Every round's controller with its own head, and with each of the task's calmer ones."""
    return [
        Entrant(round_, replace(controller, head=head))
        for round_, controller in controllers
        for head in (controller.head, *task.calmer_heads.get(controller.head, ()))
    ]


def select(
    contest: Sequence[Entrant], play: Play, seeds: tuple[Sequence[int], Sequence[int]], finalists: int, path: Path
) -> tuple[Entrant, list[float]]:
    """The entrant with the best mean score, and its scores, which are empty where there is only one entrant.

    All play the first ``seeds``. The best ``finalists`` of them play the second ones as well, and all their scores
    decide. ``path`` keeps every score as soon as it is there, so that an interrupted selection goes on from it.
    """
    if len(contest) == 1:
        return contest[0], []
    book = _ScoreBook(path)
    scores = [book.scores(entrant, seeds[0], play) for entrant in contest]
    best = sorted(range(len(contest)), key=lambda i: -np.mean(scores[i]))[:finalists]
    if seeds[1] and len(best) > 1:
        for i in best:
            scores[i] = scores[i] + book.scores(contest[i], seeds[1], play)
    winner = max(best, key=lambda i: np.mean(scores[i]))
    return contest[winner], scores[winner]


class _ScoreBook:
    """Scores of real episodes, in a JSON file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self._scores: dict[str, list[float]] = json.loads(path.read_text()) if path.is_file() else {}
            if not all(np.isfinite(scores).all() for scores in self._scores.values()):
                raise ValueError("a score is not finite")
        except (ValueError, TypeError, AttributeError) as error:
            raise ExperimentError(f"{path} is broken ({error}); delete it to have it scored again") from error

    def scores(self, entrant: Entrant, seeds: Sequence[int], play: Play) -> list[float]:
        """An entrant's scores: the ones kept, or else those of episodes that are played now."""
        key = entrant.key(seeds)
        if key not in self._scores:
            self._scores[key] = [float(score) for score in play(entrant, seeds)]
            write_whole(self.path, json.dumps(self._scores, indent=1).encode())
        return self._scores[key]
