"""Measures the dream beside the game and the machine: everything in turn in one run, medians, a table and JSON.

The second command draws the scaling curve of what the first one wrote:

    python scripts/benchmark.py
    python scripts/benchmark.py --plot scaling.png
"""

import json
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
from rich.console import Console
from rich.table import Table

from dreamgym import WorldModel
from dreamgym.errors import DataError
from dreamgym.files import write_whole
from scripts import command
from scripts.benchmarks import dream, vision
from scripts.benchmarks.car_racing import compare_frames, compare_renderers
from scripts.benchmarks.data import data_measures
from scripts.benchmarks.measure import Measure, Results, interleave
from scripts.benchmarks.plot import draw_scaling
from scripts.benchmarks.real_game import BARE, COLLECT, real_game_results

CEILING = "matrix product"
STOCK, FAST = "stock CarRacing", "FastCarRacing"


@dataclass(frozen=True)
class Args:
    """Measures the dream beside the game and the machine."""

    output: Path = Path("benchmark.json")
    """JSON file of the results."""
    seconds: float = 0.5
    """Seconds a burst; every measure has one a round."""
    rounds: int = 5
    """Rounds over all measures."""
    generation_steps: int = 1000
    """Steps of the dreams of the CMA-ES generation that is timed, and of the memory's measure."""
    tracks: int = 6
    """Tracks that FastCarRacing is compared with the stock game on, in speed and in frames."""
    frames: int = 120
    """Steps of a drive whose frames are compared."""
    episode_steps: int = 1000
    """Steps of the real episodes that are collected; those that a population plays are a quarter as long."""
    workers: int | None = None
    """Processes that play them; one a CPU core if not given, and 0 plays in this process."""
    plot: Path | None = None
    """Only draw the scaling curve of an earlier run's JSON into this PNG."""


@dataclass(frozen=True)
class Bar:
    """A figure that was set out to be reached.

    Attributes:
        name: What.
        value: What was measured.
        bar: What it should be.
        at_least: Whether more is better.
    """

    name: str
    value: float
    bar: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def run_benchmark(args: Args) -> None:
    """The script's work."""
    console = Console()
    if args.plot is not None:
        console.print(f"drew {draw_scaling(read_report(args.output), args.plot)}")
        return
    world_model = dream.car_world_model()
    with tempfile.TemporaryDirectory() as name:
        folder = world_model.save(Path(name) / "world_model")
        first_call, memory = dream.first_call_and_memory(folder, args.generation_steps)
        measures = [
            *dream.product_measures(),
            *(game_measure(name, env_id) for name, env_id in ((STOCK, "CarRacing-v3"), (FAST, "FastCarRacing-v0"))),
            *dream.dream_measures(world_model, folder),
            *vision.vision_measures(world_model, folder),
            *vision.training_measures(world_model),
            *data_measures(Path(name)),
        ]
        results = interleave(measures, args.rounds, args.seconds, console)
        rounds = max(args.rounds // 2, 1)  # each takes half a minute
        real = real_game_results(world_model, Path(name), rounds, args.episode_steps, args.workers)
    results.units |= real.units
    results.rates |= real.rates
    overhead, generation = dream.generation_overhead(world_model, args.generation_steps)
    renderers = compare_renderers(10 * args.seconds, range(args.tracks))
    frames = compare_frames(range(args.tracks), args.frames)
    bars = find_bars(results, world_model, overhead, first_call, memory)
    bars.append(Bar("FastCarRacing / stock, CPU time", renderers["fast"]["ratio"], 10))
    bars.append(Bar("FastCarRacing: mean error of a frame, of 255", frames["all"]["mean"], 0.2, at_least=False))
    bars.append(Bar("collecting / FastCarRacing alone, all cores", results.ratio(COLLECT, BARE), 0.7))
    report = make_report(results, world_model, bars)
    report |= {"generation_seconds": generation, "renderers": renderers, "frames": frames}
    write_whole(args.output, json.dumps(report, indent=2).encode())
    print_report(console, results, bars, report)
    console.print(f"wrote {args.output}")


def game_measure(name: str, env_id: str) -> Measure:
    """Steps a second of a real game on one core, under random actions, resets included."""
    env = gym.make(env_id)
    env.action_space.seed(0)
    env.reset(seed=0)
    over = False

    def work() -> float:
        nonlocal over
        if over:
            env.reset()
        over = any(env.step(env.action_space.sample())[2:4])
        return 1

    return Measure(name, "steps/s", work)


def find_bars(
    results: Results, world_model: WorldModel, overhead: float, first_call: float, memory: float
) -> list[Bar]:
    """The ratios that the dream is held to, each within this one run."""
    add_ceiling(results)
    cores = os.cpu_count() or 1
    imagine, vector = dream.imagine_name(1024), dream.vector_name(1024)
    giga = 1e-9
    with_policy = dream.step_operations(world_model) * giga
    without = dream.step_operations(world_model, with_policy=False) * giga
    return [
        Bar("imagine 64 x 16 / matrix-product ceiling", results.ratio(imagine, CEILING) * with_policy, 0.65),
        Bar(f"imagine 64 x 16 / stock game on {cores} cores", results.ratio(imagine, STOCK) / cores, 600),
        Bar("vector env 1,024 / matrix-product ceiling", results.ratio(vector, CEILING) * without, 0.45),
        Bar("single env through gym.make / stock", results.ratio("dream, gym.make", STOCK), 60),
        Bar("single env by itself / stock", results.ratio("dream, env by itself", STOCK), 80),
        Bar("imagine 4,096 / imagine 1,024", results.ratio(dream.imagine_name(4096), imagine), 0.9),
        Bar("CMA-ES generation / its dream steps", overhead, 1.15, at_least=False),
        Bar("imagine 64 x 16: MB above TensorFlow's own", memory, 600, at_least=False),
        Bar("imagine 64 x 16: first call, seconds", first_call, 10, at_least=False),
        Bar("V encode / its convolutions", results.ratio("V encode", "V encode, convolutions alone"), 0.6),
        Bar("V decode / its convolutions", results.ratio("V decode", "V decode, convolutions alone"), 0.6),
        Bar("rendered dream frames/s", results.median("render a dream"), 100),
    ]


def add_ceiling(results: Results) -> None:
    """Adds each round's better matrix product, NumPy's or XLA's."""
    results.units[CEILING] = "GFLOP/s"
    both = (results.rates[name] for name in (dream.NUMPY_PRODUCT, dream.XLA_PRODUCT))
    results.rates[CEILING] = [max(pair) for pair in zip(*both, strict=True)]


def make_report(results: Results, world_model: WorldModel, bars: list[Bar]) -> dict[str, Any]:
    """The run as plain JSON data."""
    operations = dream.step_operations(world_model)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
        | {name: version(name) for name in ("dreamgym", "numpy", "tensorflow", "gymnasium")},
        "step_operations": operations,
        "ceiling_steps_per_second": results.median(CEILING) * 1e9 / operations,
        "peak_memory_mb": peak,
        "results": {
            name: {"unit": unit, "median": results.median(name), "rounds": results.rates[name]}
            for name, unit in results.units.items()
        },
        "bars": [vars(bar) | {"met": bar.met} for bar in bars],
    }


def print_report(console: Console, results: Results, bars: list[Bar], report: dict[str, Any]) -> None:
    """Prints the rates and the bars."""
    rates = Table("measure", "median", "least", "greatest", "unit", title="rates")
    for name, unit in results.units.items():
        rounds = results.rates[name]
        rates.add_row(name, *(f"{number:,.0f}" for number in (results.median(name), min(rounds), max(rounds))), unit)
    table = Table("ratio", "measured", "bar", "", title="bars")
    for bar in bars:
        sign = "≥" if bar.at_least else "≤"
        table.add_row(bar.name, f"{bar.value:,.2f}", f"{sign} {bar.bar:g}", "met" if bar.met else "missed")
    console.print(rates)
    console.print(renderer_table(report["renderers"]))
    console.print(table)
    console.print(
        f"ceiling {report['ceiling_steps_per_second']:,.0f} dream steps/s; "
        f"a generation of 64 x 16 dreams {report['generation_seconds']:.1f} s; "
        f"peak memory of this run {report['peak_memory_mb']:,.0f} MB"
    )


def renderer_table(renderers: Mapping[str, Mapping[str, float]]) -> Table:
    """The real game's renderers: steps a second of CPU time, resets, and the ratio to stock."""
    table = Table("renderer", "steps/s", "reset, ms", "x stock", title="CarRacing, one core")
    for name, figures in renderers.items():
        speed, reset, ratio = (figures[key] for key in ("steps_per_second", "reset_seconds", "ratio"))
        table.add_row(name, f"{speed:,.0f}", f"{1000 * reset:.0f}", f"{ratio:.1f}")
    return table


def read_report(path: Path) -> dict[str, Any]:
    """What an earlier run wrote.

    Raises:
        DataError: The file is missing or is not a benchmark's.
    """
    try:
        report = json.loads(path.read_text())
        report["results"], report["ceiling_steps_per_second"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a benchmark's JSON ({error}); run scripts/benchmark.py first") from error
    return report


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(run_benchmark, Args, args)


if __name__ == "__main__":
    main()
