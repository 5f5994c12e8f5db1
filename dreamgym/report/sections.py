"""The sections of an experiment's page. Each shows what there is, and returns HTML, empty where there is nothing."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.episodes import list_episodes
from dreamgym.errors import DataError
from dreamgym.evaluation.ages import AGES
from dreamgym.evaluation.scores import load_evaluations
from dreamgym.models.arrays import load_vision
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.status import Finding, next_command
from dreamgym.report import charts, html, pictures
from dreamgym.running.progress import format_score, format_seconds
from dreamgym.running.provenance import flatten
from dreamgym.world_model import WorldModel

FRAMES, STRIPS = 8, 3
_LARGEST_FILM = 3_000_000  # bytes


def state(experiment: Experiment, findings: Sequence[Finding]) -> str:
    """What `dreamgym status` prints."""
    rows = [(found.part, found.state, found.problem) for found in findings]
    return (
        html.table(("part", "state", "problem"), rows, bad=2)
        + html.text("Next:")
        + html.command(next_command(experiment))
    )


def rounds(experiment: Experiment, settings: PipelineSettings) -> str:
    """The search's curves and every round's figures."""
    parts, curves = [], [curve for n in range(settings.rounds + 1) if (curve := _curve(experiment, n)) is not None]
    if not curves:
        return ""
    parts += [
        html.text(
            "Candidates are scored in dreams, and the search's mean now and then in the real game. Dreams are shorter "
            "than the game's episodes. While both rise, the dream teaches. A dream that goes on rising while the real "
            "score falls is being exploited."
        ),
        html.chart(charts.search_chart(curves), "returns in the dream and real scores by generation"),
    ]
    finished = [n for n in range(settings.rounds + 1) if "latest_real_score" in _search(experiment, n)]
    paid = [(n, pay) for n in finished if (pay := _pay(_search(experiment, n), settings)) is not None]
    if paid:
        real = [_search(experiment, n)["latest_real_score"] for n, _ in paid]
        horizon = experiment.read_config().get("task", {}).get("horizon", 1000)
        drawn = charts.pay_chart([n for n, _ in paid], [pay * horizon / 1000 for _, pay in paid], real, horizon)
        parts.append(html.chart(drawn, "what dreams and the real game pay the last mean, by round"))
    head = ("round", "steps of a dream", "dream return", "best real score", "last real score", "took")
    rows = [_round_row(experiment, settings, n) for n in finished]
    return "".join([*parts, html.table(head, rows, numbers=range(6))])


def vision(experiment: Experiment, settings: PipelineSettings) -> str:
    """V's reconstructions beside held-out frames of the first and of the latest round; the frames alone before V."""
    collected = [n for n in range(settings.rounds + 1) if len(list_episodes(experiment.rollouts(n))) > 1]
    if not collected:
        return ""
    arrays = load_vision(experiment.vision) if experiment.vision.exists() else None
    explained = "What V does not draw, neither M nor C can know. The frames are evenly spread over held-out episodes."
    parts = [html.text(explained)]
    for round_ in dict.fromkeys((collected[0], collected[-1])):
        episodes = pictures.held_out(experiment.rollouts(round_), settings.held_out, settings.seed, 4)
        frames = pictures.sample_frames(episodes, FRAMES)
        rows, words, poor = [("real", list(frames))], "V is not trained yet.", ""
        if arrays is not None:
            error, trivial = pictures.vision_errors(arrays, episodes)
            poor = "" if error < trivial else "; poor: train V longer, on more frames, or see that what moves is large"
            words = f"squared error {error:.1f} a frame, where the mean frame has {trivial:.1f}{poor}."
            rows.append(("reconstruction", list(pictures.reconstruct(arrays, frames))))
        parts.append(html.text(f"Held-out episodes of round {round_}: {words}", "bad" if poor else ""))
        parts.append(html.frame_table([f"frame {n + 1}" for n in range(len(frames))], rows))
    return "".join(parts)


def memory(experiment: Experiment, settings: PipelineSettings) -> str:
    """M's dreams beside the game, and its fidelity by round."""
    trained = [n for n in range(settings.rounds + 1) if (experiment.round_world_model(n) / "world_model.json").exists()]
    if not trained:
        return ""
    last = trained[-1]
    world_model = WorldModel.load(experiment.round_world_model(last))
    parts = [
        html.text(
            f"M of round {last} at τ {world_model.temperature:g}. It sees a held-out episode up to step 0, and then "
            "dreams alone under the recorded actions. The numbers are decisions after step 0."
        )
    ]
    episodes = pictures.held_out(experiment.rollouts(last), settings.held_out, settings.seed, STRIPS)
    parts += [part for episode in episodes if (part := _strip(world_model, episode))]
    rows = [_memory_row(n, experiment.metrics(f"{n}-memory")) for n in trained if experiment.is_done(f"{n}-memory")]
    if rows:
        head = ("round", "NLL of M", "unit Gaussian", "persistence", "reward correlation", "took")
        parts.append(html.text("One step ahead on held-out episodes, in nats per latent dimension; less is better:"))
        parts.append(html.table(head, rows, numbers=range(6)))
    plots = [(n, experiment.round_world_model(n) / "fidelity.png") for n in reversed(trained)]
    drawn = [(n, html.picture(path.read_bytes(), f"fidelity of round {n}")) for n, path in plots if path.exists()]
    if drawn:
        parts.append(html.text(f"Error of the dreamt latents by steps ahead, round {drawn[0][0]}:") + drawn[0][1])
        parts += [html.folded(f"round {n}", plot) for n, plot in drawn[1:]]
    return "".join(parts)


def training(experiment: Experiment, settings: PipelineSettings) -> str:
    """V's and M's losses."""
    logs = [_columns(experiment.memory_training(n, 0) / "log.csv") for n in range(settings.rounds + 1)]
    seen, remembered = _columns(experiment.vision_training / "log.csv"), [log for log in logs if log]
    if not seen and not remembered:
        return ""
    drawn = charts.training_chart(seen, remembered)
    return html.chart(drawn, "losses of V and M by epoch, in training and held out")


def scores(experiment: Experiment) -> str:
    """The selected controller and its controls."""
    parts = []
    for path in sorted((experiment.folder / "evaluation").glob("*.json")):
        rows = load_evaluations(path)
        drawn = charts.score_chart(rows)
        head = ("policy", "env", "mean", "sd", "s.e.", "median", "min", "max", "episodes")
        figures = [
            (
                row.label,
                row.env_id,
                *map(format_score, (row.mean, row.sd, row.standard_error, row.median, row.min, row.max)),
                str(row.n),
            )
            for row in rows
        ]
        parts.append(html.chart(drawn, "returns of all episodes by policy"))
        parts.append(html.table(head, figures, numbers=range(2, 9)))
    return "".join(parts)


def film(experiment: Experiment) -> str:
    """The film of the selected controller."""
    path = experiment.video("mp4")
    if not path.exists() or path.stat().st_size > _LARGEST_FILM:
        return ""
    return html.film(path.read_bytes(), "the real game, V's reconstruction and M's dream under the same actions")


def settings_of(experiment: Experiment) -> str:
    """All settings, and what made the experiment."""
    config = experiment.read_config()
    made = f"Begun {config.get('made', 'at an unknown time')}."
    parts = [html.text(made)]
    for name, part in (("settings", "settings"), ("the task", "task"), ("versions", "packages")):
        if config.get(part):
            rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in flatten(config[part])]
            parts.append(html.folded(name, html.table(("name", "value"), rows)))
    return "".join(parts)


def _strip(world_model: WorldModel, episode: Any) -> str:
    try:
        strip = pictures.dream_strip(world_model, episode)
    except DataError:  # a short episode
        return ""
    rows = [(name, list(getattr(strip, name))) for name in ("real", "reconstruction", "dream")]
    return html.frame_table([str(steps) for steps in strip.ahead], rows) + "<br>"


def _search(experiment: Experiment, round_: int) -> dict[str, Any]:
    return experiment.metrics(f"{round_}-controller")


def _pay(metrics: dict[str, Any], settings: PipelineSettings) -> float | None:
    """What dreams pay per 1,000 steps at the search's temperature, over all ages; None in notes of earlier versions."""
    pay = metrics.get("dream_pay", {}).get(f"{settings.controller.temperature:g}")
    return None if pay is None else float(np.average(pay, weights=np.diff([0, *AGES])))


def _round_row(experiment: Experiment, settings: PipelineSettings, round_: int) -> tuple[str, ...]:
    found = _search(experiment, round_)
    best = f"{format_score(found['real_score'])} ± {format_score(found['standard_error'])} s.e."
    figures = format_score(found["dream_return"]), best, format_score(found["latest_real_score"])
    return str(round_), str(settings.search(round_).horizon), *figures, format_seconds(found.get("seconds", 0))


def _memory_row(round_: int, metrics: dict[str, Any]) -> tuple[str, ...]:
    nll, correlation = metrics["nll"], metrics["target_correlation"]
    figures = [f"{nll[name]:.2f}" for name in ("memory", "unit_gaussian", "persistence")]
    shown = "n/a" if correlation is None else f"{correlation:.2f}"
    return str(round_), *figures, shown, format_seconds(metrics.get("seconds", 0))


def _curve(experiment: Experiment, round_: int) -> charts.Curve | None:
    log = _columns(experiment.search(round_) / "log.csv")
    return charts.Curve(round_, *(np.array(log[name]) for name in ("mean", "sd", "score"))) if log else None


def _columns(path: Path) -> dict[str, list[float]]:
    """The columns of a CSV file of numbers, NaN where a cell is empty; nothing where there is no file."""
    if not path.exists():
        return {}
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name] or "nan") for row in rows] for name in rows[0]} if rows else {}
