"""Inspection of an experiment: what it holds, and what is missing, damaged, stale or poor in it."""

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamgym.data.episodes import list_episodes, read_bytes
from dreamgym.data.latents import decode_latents
from dreamgym.data.tfrecord import decode_record
from dreamgym.errors import DreamGymError
from dreamgym.evaluation.ages import AGES
from dreamgym.models.arrays import load_vision
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings, read_settings
from dreamgym.running.progress import format_score
from dreamgym.running.provenance import hash_arrays
from dreamgym.tasks import get_task
from dreamgym.world_model import WorldModel

POOR_CORRELATION = 0.3
POOR_ENDS = 0.2


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    part: str  # the part of the experiment
    state: str  # what it holds
    problem: str = ""  # what is missing, damaged, stale or poor; empty if nothing is


def inspect(experiment: Experiment, task: str | None = None) -> list[Finding]:
    """Inspects an experiment, part by part in the order of its stages. ``task`` replaces the name in its config."""
    settings = read_settings(experiment)
    get_task(task or settings.task)  # world models know their task by its name, which must be registered
    findings = []
    for round_ in range(settings.rounds + 1):
        if experiment.rollouts(round_).is_dir():
            findings += [_rollouts(experiment, settings, round_), _latents(experiment, round_)]
    for round_ in range(settings.rounds + 1):
        findings += _round(experiment, round_)
    scores = experiment.metrics("evaluate")
    state = f"real {format_score(scores['real'])}, dream {format_score(scores['dream'])}" if scores else ""
    findings.append(Finding("evaluation", state, "" if scores else "not done"))
    return findings


def next_command(experiment: Experiment) -> str:
    """The command to type next: the pipeline while a stage is left, then a video."""
    folder = shlex.quote(str(experiment.folder))
    if experiment.is_done("video"):
        return f"dreamgym record {shlex.quote(str(experiment.controller))}"
    return f"dreamgym pipeline --experiment {folder}"


def _rollouts(experiment: Experiment, settings: PipelineSettings, round_: int) -> Finding:
    folder = experiment.rollouts(round_)
    wanted = (settings.random if round_ == 0 else settings.on_policy).episodes
    paths = list_episodes(folder)
    broken = [path.name for path in paths if not _is_whole(path)]
    state, there = f"{len(paths)} of {wanted} episodes", _there(experiment, f"{round_}-collect")
    if there > len(paths):
        state += f" here, {there} in {experiment.remote}"
    missing = wanted - max(len(paths), there)
    problem = f"{missing} missing" if missing > 0 else ""
    if broken:
        problem += f" damaged: {', '.join(broken[:3])}{' …' if len(broken) > 3 else ''}; delete them"
    return Finding(f"rollouts {folder.name}", state, problem.strip())


def _there(experiment: Experiment, stage: str) -> int:
    """Episodes that a finished stage left in the experiment's remote; 0 if there is none, or the stage is not done."""
    return int(experiment.metrics(stage).get("episodes", 0)) if experiment.remote is not None else 0


def _is_whole(path: Path) -> bool:
    try:
        decode_record(read_bytes(path))
    except (DreamGymError, ValueError):
        return False
    return True


def _latents(experiment: Experiment, round_: int) -> Finding:
    folder = experiment.latents(round_)
    paths, wanted = list_episodes(folder), len(list_episodes(experiment.rollouts(round_)))
    state, there = f"{len(paths)} episodes", _there(experiment, f"{round_}-latents")
    if there > len(paths):
        state += f" here, {there} in {experiment.remote}"
    missing = wanted - max(len(paths), there)
    problem = f"{missing} missing" if missing > 0 else ""
    if paths and experiment.vision.exists():
        stamp = hash_arrays(load_vision(experiment.vision))
        counts = Counter(_latent_state(path, stamp) for path in paths)
        problem += f" {counts['stale']} stale: made by another V" if counts["stale"] else ""
        problem += f" {counts['damaged']} damaged" if counts["damaged"] else ""
    return Finding(f"latents {folder.name}", state, problem.strip())


def _latent_state(path: Path, stamp: str) -> str:
    try:
        return "good" if decode_latents(read_bytes(path), path).stamp == stamp else "stale"
    except DreamGymError:
        return "damaged"


def _round(experiment: Experiment, round_: int) -> list[Finding]:
    memory, search = experiment.metrics(f"{round_}-memory"), experiment.metrics(f"{round_}-controller")
    findings = [Finding(f"M, round {round_}", _memory_state(memory), _memory_problem(experiment, round_, memory))]
    generations = len(list(experiment.search(round_).glob("generation-*.npz")))
    state = f"{generations} generations"
    if search:
        dream, real = format_score(search["dream_return"]), format_score(search["real_score"])
        state += f", dream {dream}, real {real} on the selection episodes"
        state += _pay(search)
    findings.append(Finding(f"C, round {round_}", state, "" if search else "not finished"))
    return findings


def _pay(metrics: dict[str, Any]) -> str:
    """What dreams pay by age beside the real game; empty for a search of earlier versions."""
    dreams = [f"τ {t}: {', '.join(map(format_score, pay))}" for t, pay in metrics.get("dream_pay", {}).items()]
    if not dreams:
        return ""
    ages = f"dreams up to {', '.join(map(str, AGES))} steps old pay per 1,000 steps of the game"
    ranks = [f"τ {t}: {found:.2f}" for t, found in metrics.get("rank_correlation", {}).items() if found is not None]
    shown = f"; rank correlation with the game over all scored controllers, {', '.join(ranks)}" if ranks else ""
    real = format_score(metrics["latest_real_score"])
    return f"; {ages}, {'; '.join(dreams)}; the last mean's real score {real}{shown}"


def _memory_state(metrics: dict[str, Any]) -> str:
    if not metrics:
        return ""
    nll, correlation = metrics["nll"], metrics["target_correlation"]
    shown = "n/a" if correlation is None else f"{correlation:.2f}"
    return (
        f"NLL {nll['memory']:.2f} nats per dimension (unit Gaussian {nll['unit_gaussian']:.2f}, "
        f"persistence {nll['persistence']:.2f}); open-loop reward correlation {shown}{_ends(metrics)}"
    )


def _ends(metrics: dict[str, Any]) -> str:
    """What M knows of the game's ends; empty where no held-out episode ended by itself."""
    ends = metrics.get("ends")
    if not ends:
        return ""
    return (
        f"; of {ends['episodes']} ends {ends['caught']:.0%} at their step, first alarm at {ends['first_alarm']:.0%} of "
        f"an episode, {ends['false_alarms']:.1f} false ones per 1,000 decisions"
    )


def _memory_problem(experiment: Experiment, round_: int, metrics: dict[str, Any]) -> str:
    if not metrics:
        return "not finished"
    try:
        world_model = WorldModel.load(experiment.round_world_model(round_))
    except DreamGymError as error:
        return f"damaged: {error}"
    nll = metrics["nll"]
    if nll["memory"] >= min(nll["unit_gaussian"], nll["persistence"]):
        return "poor: predicts no better than a trivial model; train longer or collect more"
    if (ends := metrics.get("ends")) and ends["caught"] < POOR_ENDS:
        return "poor: M hardly knows when the game ends; train longer, collect more, or train V longer"
    if world_model.task.price == 0:  # a dream pays the same for every step, and M predicts no reward
        return ""
    if metrics["target_correlation"] is None:
        return "rewards not judged: real or dreamt ones do not vary on held-out windows; collect more, or train longer"
    if metrics["target_correlation"] < POOR_CORRELATION:
        return "poor: dreamt rewards hardly follow the real ones; collect more varied starts, or train longer"
    return ""
