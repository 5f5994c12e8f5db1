"""The benchmark: all measures interleaved in one run, their medians and ratios, a table and a JSON file."""

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
from rich.console import Console
from rich.table import Table

from dreamgym.benchmark import cluster, dream, vision
from dreamgym.benchmark.car_racing import compare_frames, compare_renderers
from dreamgym.benchmark.data import data_measures
from dreamgym.benchmark.measure import Bar, Measure, Results, interleave, peak_memory
from dreamgym.benchmark.real_game import BARE, COLLECT, real_game_results
from dreamgym.benchmark.remote import remote_bars, remote_figures
from dreamgym.benchmark.window import WINDOW_DREAM, window_measures
from dreamgym.errors import DataError
from dreamgym.pipeline.projection import CLUSTER_COSTS, projection_table
from dreamgym.running.checks import above, at_least, check_settings
from dreamgym.running.files import write_whole
from dreamgym.tasks import Task, get_task
from dreamgym.world_model import WorldModel

CEILING = "matrix product"
STOCK, FAST = "stock CarRacing", "FastCarRacing"


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is measured, and for how long."""

    task: str | None = None
    """Measure only the dream of this game, at its own sizes, and the game beside it; if not given, all of the car's."""
    seconds: float = 0.5
    """Seconds per burst; every measure has one burst per round."""
    rounds: int = 5
    """Rounds over all measures."""
    generation_steps: int = 1000
    """Steps of the dreams in the timed CMA-ES generation and in the measure of memory."""
    tracks: int = 6
    """Tracks on which FastCarRacing is compared with the stock game, in speed and in frames."""
    frames: int = 120
    """Steps of a drive whose frames are compared."""
    episode_steps: int = 1000
    """Steps of a collected episode; a population's episodes are a quarter as long."""
    workers: int | None = None
    """Processes that play the real game; one per CPU core if not given, and 0 plays in this process."""

    remote_files: int = 0
    """Files that are synced with an S3 server on this machine and by aws s3 sync, for minutes; 0 leaves that out."""
    kills: int = 30
    """Pushes, and as many pulls, that are killed at random moments."""
    cluster: bool = False
    """Also measure a Ray cluster of nodes with one core each on this machine, for a few minutes."""

    def __post_init__(self) -> None:
        check_settings(self, remote_files=at_least(0), kills=at_least(0))
        check_settings(self, seconds=above(0), rounds=at_least(1), generation_steps=at_least(1), tracks=at_least(1))
        check_settings(self, frames=at_least(1), episode_steps=at_least(1), workers=at_least(0))


def run_benchmark(settings: BenchmarkSettings, output: Path) -> None:
    """Measures everything, writes the JSON file and prints the tables."""
    console = Console()
    if settings.task is not None:
        _benchmark_dream(get_task(settings.task), settings, output, console)
        return
    world_model = dream.car_world_model()
    with tempfile.TemporaryDirectory() as name:
        folder = world_model.save(Path(name) / "world_model")
        first_call, memory = dream.first_call_and_memory(folder, settings.generation_steps)
        measures = [
            *dream.product_measures(),
            *(
                game_measure(name, gym.make(env_id))
                for name, env_id in ((STOCK, "CarRacing-v3"), (FAST, "FastCarRacing-v0"))
            ),
            *dream.dream_measures(world_model, folder),
            *vision.vision_measures(world_model, folder),
            *vision.training_measures(world_model),
            *window_measures(folder),
            *data_measures(Path(name)),
        ]
        results = interleave(measures, settings.rounds, settings.seconds, console)
        rounds = max(settings.rounds // 2, 1)  # each takes half a minute
        real = real_game_results(world_model, Path(name), rounds, settings.episode_steps, settings.workers)
        remote = remote_figures(Path(name), settings.remote_files, rounds, settings.kills)
    for other in (real, remote.results):
        results.units |= other.units
        results.rates |= other.rates
    overhead, generation = dream.generation_overhead(world_model, settings.generation_steps)
    renderers = compare_renderers(10 * settings.seconds, range(settings.tracks))
    frames = compare_frames(range(settings.tracks), settings.frames)
    bars = find_bars(results, world_model, overhead, first_call, memory)
    bars.append(Bar("FastCarRacing / stock, CPU time", renderers["fast"]["ratio"], 10))
    bars.append(Bar("FastCarRacing: mean error of a frame, of 255", frames["all"]["mean"], 0.2, at_least=False))
    bars.append(Bar("collecting / FastCarRacing alone, all cores", results.ratio(COLLECT, BARE), 0.7))
    bars += remote_bars(remote, settings.remote_files)
    cost = None
    if settings.cluster:
        found = cluster.cluster_results(world_model, rounds, settings.episode_steps, settings.generation_steps)
        results.units |= found.units
        results.rates |= found.rates
        bars.append(Bar("collecting, Ray / local", found.ratio(cluster.CLUSTER_COLLECT, cluster.LOCAL_COLLECT), 0.85))
        bars.append(Bar("imagine 256 x 16, Ray / local", found.ratio(cluster.CLUSTER_DREAM, cluster.LOCAL_DREAM), 0.9))
        cost = cluster.driver_cost()
        console.print(projection_table(replace(CLUSTER_COSTS, **cost._asdict())))
    report = make_report(results, world_model, bars)
    report |= {} if cost is None else {"driver": cost._asdict()}
    report |= {"generation_seconds": generation, "renderers": renderers, "frames": frames}
    write_whole(output, json.dumps(report, indent=2).encode())
    print_report(console, results, bars, report)
    console.print(remote.words, end="\n" if remote.words else "")
    console.print(f"wrote {output}")


def _benchmark_dream(task: Task, settings: BenchmarkSettings, output: Path, console: Console) -> None:
    """Measures the dream of one game and the game itself."""
    game = task.make_env("stock")
    world_model = dream.untrained_world_model(task, game.action_space)
    stock = f"stock {task.name}"
    with tempfile.TemporaryDirectory() as name:
        folder = world_model.save(Path(name) / "world_model")
        measures = [*dream.product_measures(), game_measure(stock, game), *dream.dream_measures(world_model, folder)]
        measures += [*vision.vision_measures(world_model, folder), *vision.training_measures(world_model)]
        results = interleave(measures, settings.rounds, settings.seconds, console)
    game.close()
    add_ceiling(results)
    overhead, generation = dream.generation_overhead(world_model, settings.generation_steps)
    cores, imagine = os.cpu_count() or 1, dream.imagine_name(1024)
    share = results.ratio(imagine, CEILING) * dream.step_operations(world_model) * 1e-9
    bars = [
        Bar("imagine 64 x 16 / matrix-product ceiling", share, 0.8),
        Bar(f"imagine 64 x 16 / stock game on {cores} cores, decisions", results.ratio(imagine, stock) / cores, 1),
        Bar("single env by itself / stock, decisions", results.ratio("dream, env by itself", stock), 1),
        Bar("CMA-ES generation / its dream steps", overhead, 1.15, at_least=False),
    ]
    report = make_report(results, world_model, bars) | {"task": task.name, "generation_seconds": generation}
    write_whole(output, json.dumps(report, indent=2).encode())
    print_report(console, results, bars, report)
    console.print(f"wrote {output}")


def game_measure(name: str, env: gym.Env) -> Measure:
    """Steps per second of a real game on one core, with random actions, resets included."""
    env.action_space.seed(0)
    env.reset(seed=0)

    def step() -> None:
        if any(env.step(env.action_space.sample())[2:4]):
            env.reset()

    return Measure.of_calls(name, "steps/s", 1, step)


def find_bars(
    results: Results, world_model: WorldModel, overhead: float, first_call: float, memory: float
) -> list[Bar]:
    """The ratios that the dream should reach, each within this run."""
    add_ceiling(results)
    cores = os.cpu_count() or 1
    imagine, vector = dream.imagine_name(1024), dream.vector_name(1024)
    with_policy = dream.step_operations(world_model) * 1e-9
    without = dream.step_operations(world_model, with_policy=False) * 1e-9
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
        Bar("M training / matrix-product ceiling", 3 * results.ratio("M training", CEILING) * without, 0.55),
        Bar("V encode / its convolutions", results.ratio("V encode", "V encode, convolutions alone"), 0.6),
        Bar("V decode / its convolutions", results.ratio("V decode", "V decode, convolutions alone"), 0.6),
        Bar("rendered dream frames/s", results.median("render a dream"), 100),
        Bar("play window: dream steps/s on one core, V decoding", results.median(WINDOW_DREAM), 50),
    ]


def add_ceiling(results: Results) -> None:
    """Adds the faster matrix product of each round, NumPy's or XLA's."""
    results.units[CEILING] = "GFLOP/s"
    both = (results.rates[name] for name in (dream.NUMPY_PRODUCT, dream.XLA_PRODUCT))
    results.rates[CEILING] = [max(pair) for pair in zip(*both, strict=True)]


def make_report(results: Results, world_model: WorldModel, bars: list[Bar]) -> dict[str, Any]:
    """The run as plain JSON data."""
    operations = dream.step_operations(world_model)
    return {
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
        | {name: version(name) for name in ("dreamgym", "numpy", "tensorflow", "gymnasium")},
        "step_operations": operations,
        "ceiling_steps_per_second": results.median(CEILING) * 1e9 / operations,
        "peak_memory_mb": peak_memory(),
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
    console.print(rates, *([renderer_table(report["renderers"])] if "renderers" in report else []), table)
    console.print(
        f"ceiling {report['ceiling_steps_per_second']:,.0f} dream steps/s; "
        f"a generation of 64 x 16 dreams {report['generation_seconds']:.1f} s; "
        f"peak memory of this run {report['peak_memory_mb']:,.0f} MB"
    )


def renderer_table(renderers: Mapping[str, Mapping[str, float]]) -> Table:
    """A table of the real game's renderers: steps per second of CPU time, resets, and the ratio to stock."""
    table = Table("renderer", "steps/s", "reset, ms", "x stock", title="CarRacing, one core")
    for name, figures in renderers.items():
        speed, reset, ratio = (figures[key] for key in ("steps_per_second", "reset_seconds", "ratio"))
        table.add_row(name, f"{speed:,.0f}", f"{1000 * reset:.0f}", f"{ratio:.1f}")
    return table


def read_report(path: Path) -> dict[str, Any]:
    """Reads an earlier run's JSON file. Raises DataError if it is missing or is not a benchmark's."""
    try:
        report = json.loads(path.read_text())
        report["results"], report["ceiling_steps_per_second"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a benchmark's JSON ({error}); run dreamgym benchmark first") from error
    return report
