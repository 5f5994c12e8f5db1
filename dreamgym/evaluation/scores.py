"""Scores of many episodes: their statistics, JSON files and tables."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dreamgym.errors import DataError
from dreamgym.running.files import write_whole
from dreamgym.running.progress import format_score
from dreamgym.running.provenance import FORMATS, check_format

FORMAT = "dreamgym evaluation"


@dataclass(frozen=True)
class Evaluation:
    """The scores of one policy.

    Attributes:
        label: The row's name in a table.
        policy: The policy's name.
        env: ``real`` or ``dream``; older files also have ``latent``, the real game with its fast renderer.
        env_id: The env that was played.
        task: The task's name.
        world_model: The folder of the world model that the policy observed with or dreamt in; None without one.
        temperature: The dream's; None elsewhere.
        max_steps: The horizon of an episode.
        seeds: One per episode.
        returns: The sum of each episode's rewards.
        lengths: Steps of each episode.
        wall_seconds: The duration.
        failed: Seeds of episodes that could not be played. They count in no statistic.
        packages: Versions of what the scores depend on.
    """

    label: str
    policy: str
    env: str
    env_id: str
    task: str
    world_model: str | None
    temperature: float | None
    max_steps: int
    seeds: list[int]
    returns: list[float]
    lengths: list[int]
    wall_seconds: float
    failed: list[int] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of episodes."""
        return len(self.returns)

    @property
    def mean(self) -> float:
        """The mean return."""
        return statistics.fmean(self.returns)

    @property
    def sd(self) -> float:
        """The sample standard deviation of the returns; NaN for a single one."""
        return statistics.stdev(self.returns) if self.n > 1 else math.nan

    @property
    def standard_error(self) -> float:
        """The standard error of the mean, ``sd / sqrt(n)``."""
        return self.sd / math.sqrt(self.n)

    @property
    def median(self) -> float:
        """The median return."""
        return statistics.median(self.returns)

    @property
    def min(self) -> float:
        """The smallest return."""
        return min(self.returns)

    @property
    def max(self) -> float:
        """The largest return."""
        return max(self.returns)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, the statistics first. NaN becomes None."""
        names = ("n", "mean", "sd", "standard_error", "median", "min", "max")
        figures = {name: getattr(self, name) for name in names}
        figures = {name: None if math.isnan(value) else value for name, value in figures.items()}
        return {"label": self.label, **figures, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Evaluation":
        """Reads :meth:`to_json`'s data; the statistics are computed again."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__})

    def save(self, path: str | Path, baselines: Sequence["Evaluation"] = ()) -> Path:
        """Writes this evaluation and its baselines as JSON."""
        return save_evaluations(path, [self, *baselines])

    def table(self, baselines: Sequence["Evaluation"] = ()) -> Any:
        """A rich table of this evaluation, with its baselines below it."""
        return evaluation_table([self, *baselines])


def save_evaluations(path: str | Path, evaluations: Sequence[Evaluation]) -> Path:
    """Writes evaluations as one JSON file, whole or not at all."""
    rows = [evaluation.to_json() for evaluation in evaluations]
    data = {"format": FORMAT, "version": FORMATS["evaluation"], "evaluations": rows}
    write_whole(Path(path), json.dumps(data, indent=2).encode())
    return Path(path)


def load_evaluations(path: str | Path) -> list[Evaluation]:
    """Reads a file of :func:`save_evaluations`. A missing, broken or later one raises a DataError."""
    try:
        data = json.loads(Path(path).expanduser().read_text())
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}")
        check_format("evaluation", data["version"])
        return [Evaluation.from_json(row) for row in data["evaluations"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a file of evaluations ({error})") from error


def evaluation_table(evaluations: Sequence[Evaluation]) -> Any:
    """A rich table of evaluations, one per row. It fits 80 columns."""
    from rich.table import Table

    envs = dict.fromkeys(evaluation.env_id for evaluation in evaluations)
    table = Table(title=f"returns in {', '.join(envs)}", padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("policy", no_wrap=len(envs) == 1)
    for name in ("mean", "sd", "s.e.", "median", "min", "max", "n", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in evaluations:
        label = row.label if len(envs) == 1 else f"{row.label} ({row.env_id})"
        failed = f" ({len(row.failed)} failed)" if row.failed else ""
        figures = (row.mean, row.sd, row.standard_error, row.median, row.min, row.max)
        table.add_row(label + failed, *map(format_score, figures), f"{row.n}", f"{row.wall_seconds:.0f} s")
    return table
