"""The numbers people quote about a policy: what many episodes came to, as figures, JSON and a table."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dreamgym.errors import DataError
from dreamgym.files import write_whole

FORMAT = "dreamgym evaluation"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Evaluation:
    """What a policy's episodes came to.

    Attributes:
        label: The row's name in a table.
        policy: The policy's name.
        env: ``real``, ``latent`` or ``dream``.
        env_id: The env that was played.
        task: The task's name.
        world_model: The folder of the world model that the policy saw or dreamt with; None if it looks at nothing.
        temperature: The dream's; None elsewhere.
        max_steps: The horizon of an episode.
        seeds: One an episode.
        returns: The sum of each episode's rewards, as the game (or the dream) paid them.
        lengths: Steps of each episode.
        failed: Seeds of episodes that could not be played; they are in no figure.
        wall_seconds: What it all took.
        packages: Versions that the figures depend on.
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
        """How many episodes count."""
        return len(self.returns)

    @property
    def mean(self) -> float:
        """The mean return."""
        return statistics.fmean(self.returns)

    @property
    def sd(self) -> float:
        """The standard deviation of the returns, with n - 1; NaN for a single one."""
        return statistics.stdev(self.returns) if self.n > 1 else math.nan

    @property
    def standard_error(self) -> float:
        """Of the mean: ``sd / sqrt(n)``."""
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
        """All of it as plain JSON data, the figures first; what is not a number is None."""
        names = ("n", "mean", "sd", "standard_error", "median", "min", "max")
        figures = {name: getattr(self, name) for name in names}
        figures = {name: None if math.isnan(value) else value for name, value in figures.items()}
        return {"label": self.label, **figures, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Evaluation":
        """What :meth:`to_json` wrote; the figures are worked out anew."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__})

    def save(self, path: str | Path, controls: Sequence["Evaluation"] = ()) -> Path:
        """Writes this evaluation, and the controls beside it, as JSON."""
        return save_evaluations(path, [self, *controls])

    def table(self, controls: Sequence["Evaluation"] = ()) -> Any:
        """A rich table of this evaluation, with the controls below it."""
        return evaluation_table([self, *controls])


def save_evaluations(path: str | Path, evaluations: Sequence[Evaluation]) -> Path:
    """Writes evaluations as one JSON file, whole or not at all."""
    rows = [evaluation.to_json() for evaluation in evaluations]
    data = {"format": FORMAT, "version": FORMAT_VERSION, "evaluations": rows}
    write_whole(Path(path), json.dumps(data, indent=2).encode())
    return Path(path)


def load_evaluations(path: str | Path) -> list[Evaluation]:
    """What :func:`save_evaluations` wrote.

    Raises:
        DataError: The file is missing, broken or of a later format.
    """
    try:
        data = json.loads(Path(path).read_text())
        if data["format"] != FORMAT or data["version"] > FORMAT_VERSION:
            raise KeyError("format")
        return [Evaluation.from_json(row) for row in data["evaluations"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not an evaluation that this dreamgym wrote ({error})") from error


def evaluation_table(evaluations: Sequence[Evaluation]) -> Any:
    """A rich table of evaluations, one a row; it fits 80 columns."""
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
        table.add_row(label + failed, *(f"{value:.1f}" for value in figures), f"{row.n}", f"{row.wall_seconds:.0f} s")
    return table
