"""``dreamgym benchmark``: speeds of the dream, the real game, V and M on this machine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.benchmark.plot import draw_scaling
from dreamgym.benchmark.run import BenchmarkSettings, read_report, run_benchmark


@dataclass(frozen=True)
class Args:
    """Measures the dream beside the game and the machine: everything interleaved in one run, as medians and ratios.

    Reads nothing. Writes a JSON file and prints tables. The machine must be idle.
    """

    output: Path = Path("benchmark.json")
    """JSON file of the results."""
    settings: Annotated[BenchmarkSettings, tyro.conf.arg(name="")] = field(default_factory=BenchmarkSettings)
    plot: Path | None = None
    """Measure nothing; plot the scaling curve of an earlier run's JSON file into this PNG."""


def run(args: Args) -> None:
    """Measures or plots."""
    if args.plot is not None:
        print(f"plotted {draw_scaling(read_report(args.output), args.plot)}")
    else:
        run_benchmark(args.settings, args.output)
