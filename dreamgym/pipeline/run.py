"""Runs a pipeline: every stage that is not finished, in order."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from dreamgym.errors import ExperimentError
from dreamgym.evaluation.scores import evaluation_table, load_evaluations
from dreamgym.pipeline import estimate
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.stages import Pipeline, Stage
from dreamgym.running.jobs import LocalExecutor
from dreamgym.running.lock import locked
from dreamgym.running.progress import format_score, format_seconds


def run_pipeline(experiment: Experiment, settings: PipelineSettings, workers: int) -> None:
    """Runs every stage that is not finished, and prints the results."""
    with locked(experiment.folder), LocalExecutor(workers) as executor:
        stages = Pipeline(experiment, settings, executor).stages()
        names = [stage.name for stage in stages]
        begin = time.monotonic()
        for number, stage in enumerate(stages, 1):
            if experiment.is_done(stage.name):
                continue
            check_inputs(stage, stages, experiment)
            done = {name: experiment.metrics(name)["seconds"] for name in names[: number - 1]}
            left = estimate.remaining(settings, workers, names[number - 1 :], done)
            elapsed = format_seconds(time.monotonic() - begin)
            print(
                f"\n[{number}/{len(names)}] {stage.name}  ({elapsed} elapsed, about {format_seconds(left)} remaining)",
                flush=True,
            )
            began = time.monotonic()
            metrics = stage.run()
            experiment.mark_done(stage.name, **metrics, seconds=round(time.monotonic() - began, 1))
    print_results(experiment, settings)


def check_inputs(stage: Stage, stages: Sequence[Stage], experiment: Experiment) -> None:
    """Checks that everything exists that a stage reads."""
    for path in stage.reads:
        if not path.exists():
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
