"""What an experiment holds, what is missing, damaged, stale or poor in it, and the next command to type."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from dreamgym.convolution import array_shapes
from dreamgym.data.episodes import list_episodes, read_bytes
from dreamgym.data.latents import decode_latents, vision_stamp
from dreamgym.data.tfrecord import decode_record
from dreamgym.errors import DreamGymError
from dreamgym.experiment import Experiment
from dreamgym.world_model import WorldModel, read_arrays
from scripts import command

POOR_CORRELATION = 0.3


@dataclass(frozen=True)
class Args:
    """Looks through an experiment."""

    experiment: tyro.conf.Positional[str]
    """Name under the experiments' home (DREAMGYM_HOME), or a folder."""


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Attributes:
        what: The part of the experiment.
        state: What is there.
        trouble: What is missing, damaged, stale or poor; empty if nothing is.
    """

    what: str
    state: str
    trouble: str = ""


def inspect(experiment: Experiment) -> list[Finding]:
    """Everything worth saying about an experiment, in the order it was made in."""
    settings = experiment.read_config()["settings"]
    findings = []
    for folder in experiment.rollout_folders():
        findings.append(_rollouts(folder, settings))
        findings.append(_latents(experiment, folder))
    for round_ in range(settings["rounds"] + 1):
        findings += _round(experiment, round_)
    scores = experiment.done("evaluate")
    state = f"real {scores['real']:.0f}, dream {scores['dream']:.0f}" if scores else ""
    findings.append(Finding("evaluation", state, "" if scores else "not done"))
    return findings


def next_command(experiment: Experiment) -> str:
    """What to type next: the pipeline goes on by itself; a finished experiment can be looked at."""
    if experiment.is_done("video"):
        choices = f"--world-model {experiment.world_model} --policy {experiment.best_controller}"
        return f"python -m scripts.record_video {choices}"
    return f"python -m scripts.pipeline --experiment {experiment.folder}"


def _rollouts(folder: Path, settings: dict) -> Finding:
    wanted = settings["random" if folder.name.startswith("0-") else "on_policy"]["episodes"]
    paths = list_episodes(folder)
    broken = [path.name for path in paths if not _is_whole(path)]
    trouble = f"{wanted - len(paths)} missing" if len(paths) < wanted else ""
    if broken:
        trouble += f" damaged: {', '.join(broken[:3])}{' …' if len(broken) > 3 else ''}; delete them"
    return Finding(f"rollouts {folder.name}", f"{len(paths)} of {wanted} episodes", trouble.strip())


def _is_whole(path: Path) -> bool:
    try:
        decode_record(read_bytes(path))
    except (DreamGymError, ValueError):
        return False
    return True


def _latents(experiment: Experiment, rollouts: Path) -> Finding:
    folder = experiment.latents(rollouts)
    paths, wanted = list_episodes(folder), len(list_episodes(rollouts))
    trouble = f"{wanted - len(paths)} missing" if len(paths) < wanted else ""
    vision = experiment.vision_training / "vision.npz"
    if paths and vision.exists():
        stamp = vision_stamp(read_arrays(vision, tuple(array_shapes(1))))
        counts = Counter(_latent_state(path, stamp) for path in paths)
        trouble += f" {counts['stale']} stale: made by another V" if counts["stale"] else ""
        trouble += f" {counts['damaged']} damaged" if counts["damaged"] else ""
    return Finding(f"latents {rollouts.name}", f"{len(paths)} episodes", trouble.strip())


def _latent_state(path: Path, stamp: str) -> str:
    try:
        return "good" if decode_latents(read_bytes(path), path).stamp == stamp else "stale"
    except DreamGymError:
        return "damaged"


def _round(experiment: Experiment, round_: int) -> list[Finding]:
    memory, search = experiment.done(f"{round_}-memory"), experiment.done(f"{round_}-controller")
    findings = [Finding(f"M, round {round_}", _memory_state(memory), _memory_trouble(experiment, round_, memory))]
    generations = len(list(experiment.controller(round_).glob("generation-*.npz")))
    state = f"{generations} generations"
    if search:
        state += f", dream {search['dream_return']:.0f}, real {search['real_score']:.0f} on the selection tracks"
    findings.append(Finding(f"C, round {round_}", state, "" if search else "not finished"))
    return findings


def _memory_state(figures: dict) -> str:
    if not figures:
        return ""
    nll, correlation = figures["nll"], figures["target_correlation"]
    known = "not at all" if correlation is None else f"{correlation:.2f}"
    return (
        f"NLL {nll['memory']:.2f} nats a dimension (unit Gaussian {nll['unit_gaussian']:.2f}, "
        f"persistence {nll['persistence']:.2f}); rewards ahead correlate {known}"
    )


def _memory_trouble(experiment: Experiment, round_: int, figures: dict) -> str:
    if not figures:
        return "not finished"
    try:
        WorldModel.load(experiment.round_world_model(round_))
    except DreamGymError as error:
        return f"damaged: {error}"
    nll = figures["nll"]
    if nll["memory"] >= min(nll["unit_gaussian"], nll["persistence"]):
        return "poor: forecasts no better than a trivial one; train longer or collect more"
    if (figures["target_correlation"] or 0) < POOR_CORRELATION:
        return "poor: dreamt rewards hardly follow the real ones; collect with more random starts, or train longer"
    return ""


def print_status(args: Args) -> None:
    """The script's work."""
    experiment = Experiment.named(args.experiment)
    table = Table("what", "there is", "trouble", title=str(experiment.folder))
    for finding in inspect(experiment):
        table.add_row(finding.what, finding.state, finding.trouble)
    console = Console()
    console.print(table)
    console.print(f"next: {next_command(experiment)}", soft_wrap=True)


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(print_status, Args, args)


if __name__ == "__main__":
    main()
