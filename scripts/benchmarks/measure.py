"""Measures: short bursts of work that are taken in turn, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress


@dataclass(frozen=True)
class Measure:
    """Something that is done so many times a second.

    Attributes:
        name: What.
        unit: What is counted, such as ``steps/s``.
        work: Does a little of it, and gives how much.
    """

    name: str
    unit: str
    work: Callable[[], float]

    def rate(self, seconds: float) -> float:
        """Works for about that long, at least once: how much a second."""
        done, began = 0.0, time.perf_counter()
        while True:
            done += self.work()
            elapsed = time.perf_counter() - began
            if elapsed >= seconds:
                return done / elapsed


@dataclass
class Results:
    """The rates of all rounds, by the measures' names.

    Attributes:
        units: What each counts.
        rates: One a round.
    """

    units: dict[str, str] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.rates[name])

    def ratio(self, name: str, to: str) -> float:
        """The median over the rounds of one rate to another of the same round, machine noise cancelled."""
        return statistics.median(a / b for a, b in zip(self.rates[name], self.rates[to], strict=True))


def interleave(measures: Sequence[Measure], rounds: int, seconds: float, console: Console) -> Results:
    """Takes all measures in turn, round by round, after one burst of each that nobody counts."""
    results = Results({m.name: m.unit for m in measures}, {m.name: [] for m in measures})
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("warming up", total=len(measures) * (rounds + 1))
        for number in range(rounds + 1):
            for measure in measures:
                progress.update(bar, description=measure.name)
                rate = measure.rate(seconds if number else 0.0)
                if number:
                    results.rates[measure.name].append(rate)
                progress.advance(bar)
    return results
