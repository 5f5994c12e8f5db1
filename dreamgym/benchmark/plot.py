"""Plots steps per second against the number of dreams, with the matrix product's ceiling as a line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreamgym.benchmark.dream import BATCHES, imagine_name, vector_name
from dreamgym.running.files import write_figure


def draw_scaling(report: Mapping[str, Any], path: Path) -> Path:
    """Plots the scaling curve of a benchmark's JSON as a PNG."""
    from matplotlib.figure import Figure

    medians = {name: result["median"] for name, result in report["results"].items()}
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(report["ceiling_steps_per_second"], color="black", linestyle="--", label="matrix-product ceiling")
    for label, name in (("imagine", imagine_name), ("vector env", vector_name)):
        axes.plot(BATCHES, [medians[name(n)] for n in BATCHES], "o-", label=label)
    axes.plot([1], [medians["dream, env by itself"]], "D", label="single env")
    axes.axhline(medians["stock CarRacing"], color="tab:red", linestyle=":", label="stock CarRacing, one core")
    axes.set(xscale="log", yscale="log", xlabel="dreams at once", ylabel="steps per second")
    axes.set_xticks(BATCHES, [f"{n:,}" for n in BATCHES])
    axes.grid(alpha=0.3)
    axes.legend()
    write_figure(path, figure)
    return path
