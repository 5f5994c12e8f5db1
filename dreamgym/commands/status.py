"""``dreamgym status``: what an experiment holds, and the next command."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from dreamgym.errors import describe
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.status import Finding, inspect, next_command


@dataclass(frozen=True)
class Args:
    """Inspects an experiment: dreamgym status NAME.

    Reads its folder. Says what is missing, damaged, stale or poor, and what to type next. Writes report.html into it:
    one page with the curves of the rounds, pictures of V and M, scores and settings, which any browser opens.
    """

    experiment: str = "quick"
    """A name under DREAMGYM_HOME (~/world-models-experiments), or a folder."""
    task: str | None = None
    """The task as package.module:TASK, if its module moved since the experiment was begun."""


def run(args: Args) -> None:
    """Prints the findings and writes the page."""
    experiment = Experiment.named(args.experiment)
    findings = inspect(experiment, args.task)
    table = Table("part", "state", "problem", title=str(experiment.folder))
    for finding in findings:
        table.add_row(finding.part, finding.state, finding.problem)
    console = Console()
    console.print(table)
    _write_report(experiment, findings)
    console.print(f"next: {next_command(experiment)}", soft_wrap=True)


def _write_report(experiment: Experiment, findings: Sequence[Finding]) -> None:
    from dreamgym.report.write import write_report  # which loads matplotlib

    try:
        print(f"report: {write_report(experiment, findings)}", flush=True)
    except Exception as error:  # the table above is what was asked for
        print(f"warning: {experiment.report} was not written ({describe(error)})", file=sys.stderr)
