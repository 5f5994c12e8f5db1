"""Measures: short bursts of work, interleaved, so that a busy machine slows all of them alike."""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress


@dataclass(frozen=True)
class Measure:
    """Work whose rate is measured."""

    name: str
    unit: str  # of the rate, such as ``steps/s``
    work: Callable[[], float]  # does some work and returns its amount

    @classmethod
    def of_calls(cls, name: str, unit: str, amount: float, call: Callable[[], Any]) -> "Measure":
        """A measure of calls that all do the same amount of work."""

        def work() -> float:
            call()
            return amount

        return cls(name, unit, work)

    def rate(self, seconds: float) -> float:
        """Works for about that long, at least once, and returns the amount per second."""
        done, began = 0.0, time.perf_counter()
        while True:
            done += self.work()
            elapsed = time.perf_counter() - began
            if elapsed >= seconds:
                return done / elapsed


@dataclass
class Results:
    """The rates of all rounds, by the measures' names."""

    units: dict[str, str] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)  # one per round

    def median(self, name: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.rates[name])

    def ratio(self, name: str, to: str) -> float:
        """The median over the rounds of one rate divided by another of the same round."""
        return statistics.median(a / b for a, b in zip(self.rates[name], self.rates[to], strict=True))


@dataclass(frozen=True)
class Bar:
    """A measured ratio or figure, and what it should reach."""

    name: str
    value: float
    bar: float
    at_least: bool = True  # whether more is better

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def peak_memory() -> float:
    """The peak memory of this process, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux a process inherits the ru_maxrss of the one that started it
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def interleave(measures: Sequence[Measure], rounds: int, seconds: float, console: Console) -> Results:
    """Runs all measures in turn, round by round, after one burst of each that does not count."""
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
