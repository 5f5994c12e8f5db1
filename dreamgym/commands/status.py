"""``dreamgym status``: what an experiment holds, and the next command."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.status import inspect, next_command


@dataclass(frozen=True)
class Args:
    """Inspects an experiment: dreamgym status NAME.

    Reads its folder, and writes nothing. Says what is missing, damaged, stale or poor, and what to type next.
    """

    experiment: str = "quick"
    """A name under DREAMGYM_HOME (~/world-models-experiments), or a folder."""
    task: str | None = None
    """The task as package.module:TASK, if its module moved since the experiment was begun."""


def run(args: Args) -> None:
    """Prints the findings."""
    experiment = Experiment.named(args.experiment)
    table = Table("part", "state", "problem", title=str(experiment.folder))
    for finding in inspect(experiment, args.task):
        table.add_row(finding.part, finding.state, finding.problem)
    console = Console()
    console.print(table)
    console.print(f"next: {next_command(experiment)}", soft_wrap=True)
