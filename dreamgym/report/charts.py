"""Charts of an experiment, as SVG files."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dreamgym.evaluation.scores import Evaluation

DREAM, REAL, REFERENCE = "tab:blue", "tab:orange", "grey"  # the same in every chart


@dataclass(frozen=True)
class Curve:
    """A round's search: one entry per generation."""

    round: int  # its number
    mean: np.ndarray  # the candidates' mean return
    sd: np.ndarray  # its standard deviation
    score: np.ndarray  # the real score of the search's mean; NaN where it was not scored


def search_chart(curves: Sequence[Curve]) -> bytes:
    """The candidates' returns by generation, round after round, beside the real scores of the search's mean."""
    figure, axes = _figure(9, 3.8)
    begin = 0
    for number, curve in enumerate(curves):
        x = begin + np.arange(len(curve.mean))
        axes.fill_between(x, curve.mean - curve.sd, curve.mean + curve.sd, color=DREAM, alpha=0.2, linewidth=0)
        axes.plot(x, curve.mean, color=DREAM, label=None if number else "candidates in the dream (mean ± sd)")
        scored = np.isfinite(curve.score)
        label = None if number else "real score of the search's mean"
        axes.plot(x[scored], curve.score[scored], "o", color=REAL, label=label)
        if number:
            axes.axvline(begin - 0.5, color=REFERENCE, linewidth=0.6, linestyle=":")
        axes.annotate(f"round {curve.round}", (begin, 1.01), xycoords=("data", "axes fraction"), fontsize=8)
        begin += len(curve.mean)
    axes.set(xlabel="generation", ylabel="return of an episode")
    axes.legend(fontsize=8)
    return _svg(figure)


def pay_chart(rounds: Sequence[int], dream: Sequence[float], real: Sequence[float], horizon: int) -> bytes:
    """What the dream and the real game pay the same controller for ``horizon`` steps of the game, by round."""
    figure, axes = _figure(9, 3)
    axes.plot(rounds, dream, "o-", color=DREAM, label=f"dreams, for {horizon:,} steps of the game")
    axes.plot(rounds, real, "o-", color=REAL, label="the real game")
    axes.set_xticks(list(rounds))
    axes.set(xlabel="round", ylabel="return of the last mean")
    axes.legend(fontsize=8)
    return _svg(figure)


def training_chart(vision: Mapping[str, Sequence[float]], memories: Sequence[Mapping[str, Sequence[float]]]) -> bytes:
    """V's and M's losses on held-out episodes by epoch. ``memories`` are the rounds', each goes on where one ended."""
    figure, axes = _figure(9, 3, columns=2)
    for name, label in (("reconstruction", "training"), ("val_reconstruction", "held out")):
        if name in vision:
            axes[0].plot(range(1, len(vision[name]) + 1), vision[name], ".-", label=label)
    axes[0].set(xlabel="epoch", ylabel="squared error of a frame, summed", title="V", ylim=(0, None))
    begin = 1
    for number, log in enumerate(memories):
        epochs = begin + np.arange(len(log.get("val_nll", ())))
        for name, label, colour in (("nll", "training", "C0"), ("val_nll", "held out", "C1")):
            if name in log:
                axes[1].plot(epochs, log[name], ".-", color=colour, label=None if number else label, markersize=3)
        begin += len(epochs)
    axes[1].set(xlabel="epoch of all rounds", ylabel="nats per latent dimension", title="M, negative log-likelihood")
    for each in axes:
        each.title.set_fontsize(10)
        if each.lines:
            each.legend(fontsize=8)
    return _svg(figure)


def score_chart(rows: Sequence[Evaluation]) -> bytes:
    """Every episode's return as a dot, and the mean as a line, one row per policy."""
    figure, axes = _figure(9, 0.9 + 0.45 * len(rows))
    for place, row in enumerate(rows):
        colour = DREAM if row.env == "dream" else REAL
        axes.plot(row.returns, np.full(row.n, place) + _spread(row.n), "o", color=colour, alpha=0.45, markersize=4)
        axes.plot([row.mean, row.mean], [place - 0.35, place + 0.35], color="black")
    axes.set_yticks(range(len(rows)), [f"{row.label} ({'dream' if row.env == 'dream' else 'real'})" for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="return of an episode")
    return _svg(figure)


def _spread(n: int) -> np.ndarray:
    """Small offsets, so that equal returns do not hide each other."""
    return (np.arange(n) * 0.618 % 1 - 0.5) * 0.4


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns)
    for each in np.atleast_1d(axes):
        each.grid(alpha=0.3)
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
