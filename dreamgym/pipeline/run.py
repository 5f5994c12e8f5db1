"""Runs a pipeline: every stage that is not finished, in order."""

import json
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from dreamgym.errors import ExperimentError, RemoteError
from dreamgym.evaluation.scores import evaluation_table, load_evaluations
from dreamgym.pipeline import estimate
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.stage import Stage
from dreamgym.pipeline.stages import Pipeline
from dreamgym.running.jobs import Executor
from dreamgym.running.lock import locked
from dreamgym.running.progress import format_score, format_seconds
from dreamgym.running.provenance import differences
from dreamgym.storage.exchange import Exchange


def run_pipeline(
    experiment: Experiment, settings: PipelineSettings, executor: Executor, remote: str | None = None
) -> None:
    """Runs every stage that is not finished, and prints the results.

    With a remote, every stage first fetches what it reads and is missing here, and what is made is pushed as it comes.
    Workers of a cluster read and write episodes and latents there themselves.
    """
    mirror = experiment.mirror(remote)
    with locked(experiment.folder), Exchange(experiment.folder, mirror) as exchange:
        stages = Pipeline(experiment, settings, executor, mirror if executor.elsewhere else None).stages()
        begin = time.monotonic()
        redone: set[str] = set()
        while (stage := _next(experiment, stages, exchange)) is not None:
            if (damaged := fetch_inputs(stage, stages, experiment, exchange)) is not None:
                if damaged.name in redone:
                    raise ExperimentError(f"stage {damaged.name} does not make what is damaged in {remote}")
                redone.add(damaged.name)
                experiment.stage_path(damaged.name).unlink()
                continue
            check_inputs(stage, stages, experiment, exchange.failure)
            names = [later.name for later in stages if not experiment.is_done(later.name)]
            done = {
                other.name: experiment.metrics(other.name)["seconds"] for other in stages if other.name not in names
            }
            left = estimate.remaining(settings, executor.workers, names, done)
            elapsed = format_seconds(time.monotonic() - begin)
            print(
                f"\n[{stages.index(stage) + 1}/{len(stages)}] {stage.name}  ({elapsed} elapsed, about "
                f"{format_seconds(left)} remaining)",
                flush=True,
            )
            began = time.monotonic()
            metrics = stage.run()
            experiment.mark_done(stage.name, **metrics, seconds=round(time.monotonic() - began, 1))
        exchange.fetch([experiment.inside(experiment.scores(settings.evaluation_episodes))])
    print_results(experiment, settings)


def fetch_config(experiment: Experiment, remote: str | None) -> None:
    """Fetches the config of an experiment that another machine began.

    Two machines may begin the same experiment at the same time. Their configs differ in date and packages; the one that
    came first counts.

    Raises:
        ExperimentError: The remote holds an experiment of other settings.
    """
    mirror, name = experiment.mirror(remote), experiment.inside(experiment.config_path)
    if mirror is None:
        return
    exchange = Exchange(experiment.folder, mirror)
    if name not in exchange.fetch([name]).different:
        return
    here, there = experiment.read_config(), json.loads(mirror.remote.get(name))
    parts = ("settings", "task")
    changes = differences({part: there.get(part) for part in parts}, {part: here.get(part) for part in parts})
    if changes:
        raise ExperimentError(
            f"{mirror.remote.url} holds an experiment of other settings ({', '.join(changes)}); use another prefix"
        )
    mirror.pull([name], force=True)


def _next(experiment: Experiment, stages: Sequence[Stage], exchange: Exchange) -> Stage | None:
    """The first stage that no machine has finished; None if all are."""
    exchange.fetch([experiment.inside(experiment.stages)], again=False)
    return next((stage for stage in stages if not experiment.is_done(stage.name)), None)


def fetch_inputs(stage: Stage, stages: Sequence[Stage], experiment: Experiment, exchange: Exchange) -> Stage | None:
    """Fetches what a stage reads, and what it goes on from, unless workers do so themselves.

    Returns the earlier stage that has to make damaged objects again; None if there is no need.

    Raises:
        RemoteError: The remote holds more than could be fetched.
        ExperimentError: An input is damaged in the remote, and no stage makes it again as it was.
    """
    exchange.settle([experiment.inside(path) for path in stage.shared])
    needed = [path for path in (*stage.reads, *stage.resumes) if path not in stage.shared]
    report = exchange.fetch([experiment.inside(path) for path in needed])
    for name, problem in report.damaged.items():
        path = experiment.folder / name
        if any(path.is_relative_to(own) for own in (*stage.resumes, *stage.writes)):
            continue  # it is made again now
        writer = next(s for s in stages if any(path.is_relative_to(place) for place in s.writes))
        if not writer.repeats:
            raise ExperimentError(
                f"{problem}; push it from a machine that has it whole, or delete {experiment.stage_path(writer.name)} "
                "and run the same command to make it again"
            )
        print(f"{problem}; stage {writer.name} makes it again", flush=True)
        return writer
    return None


def check_inputs(stage: Stage, stages: Sequence[Stage], experiment: Experiment, failure: str = "") -> None:
    """Checks that everything exists that a stage reads. ``failure`` says why a remote may hold what is missing here."""
    for path in stage.reads:
        if path not in stage.shared and not path.exists():
            if failure:
                raise RemoteError(f"stage {stage.name} needs {path}, which is missing here; {failure}")
            writer = next(other for other in stages if path in other.writes)
            raise ExperimentError(
                f"stage {stage.name} needs {path}, which is missing; delete {experiment.stage_path(writer.name)} and "
                "run the same command to make it again"
            )


def print_results(experiment: Experiment, settings: PipelineSettings) -> None:
    """Prints the scores of every round, the final scores and the videos' folder."""
    console = Console()
    rounds = Table("round", "dream return", "real score, selection", title="rounds")
    for number in range(settings.rounds + 1):
        metrics = experiment.metrics(f"{number}-controller")
        rounds.add_row(str(number), format_score(metrics["dream_return"]), format_score(metrics["real_score"]))
    console.print(rounds)
    console.print(evaluation_table(load_evaluations(experiment.scores(settings.evaluation_episodes))))
    console.print(f"videos: {experiment.videos}", soft_wrap=True)
