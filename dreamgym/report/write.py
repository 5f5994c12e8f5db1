"""Writes an experiment's page."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dreamgym.errors import describe
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import read_settings
from dreamgym.pipeline.status import Finding
from dreamgym.report import html, sections
from dreamgym.running.files import write_whole


def write_report(experiment: Experiment, findings: Sequence[Finding]) -> Path:
    """Writes ``report.html`` into an experiment, whatever is finished in it, and returns its path.

    A section whose files are damaged says so in one line.

    Args:
        experiment: The experiment, which may be unfinished.
        findings: Those of :func:`dreamgym.pipeline.status.inspect`.

    Raises:
        ExperimentError: The folder holds no experiment.
        OSError: The file cannot be written.
    """
    settings = read_settings(experiment)
    builders: dict[str, Callable[[], str]] = {
        "State": partial(sections.state, experiment, findings),
        "Rounds, dream against real": partial(sections.rounds, experiment, settings),
        "V, reconstructions": partial(sections.vision, experiment, settings),
        "M, dreams against the game": partial(sections.memory, experiment, settings),
        "Training": partial(sections.training, experiment, settings),
        "Scores": partial(sections.scores, experiment),
        "Film": partial(sections.film, experiment),
        "Settings": partial(sections.settings_of, experiment),
    }
    built = [(heading, content) for heading, build in builders.items() if (content := _built(build))]
    page = html.page(experiment.folder.resolve().name, built)
    write_whole(experiment.report, page.encode())
    return experiment.report


def _built(build: Callable[[], str]) -> str:
    try:
        return build()
    except Exception as error:  # damaged files raise many kinds, and the other sections are worth reading
        return html.text(f"This part cannot be shown: {describe(error)}", "bad")
