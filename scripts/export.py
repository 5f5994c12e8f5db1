"""Puts an experiment's world model and controller into one small folder to share, or to ship."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamgym.errors import ExperimentError
from dreamgym.experiment import Experiment
from dreamgym.policies import LinearController
from dreamgym.world_model import Starts, WorldModel
from scripts import command


@dataclass(frozen=True)
class Args:
    """Writes a folder that WorldModel.load and evaluate.py --policy <folder>/controller.npz take."""

    experiment: str
    """Name under the experiments' home (DREAMGYM_HOME), or a folder."""
    output: Path
    """The folder to write."""
    starts: int = 200
    """Starts of dreams to keep at most."""


def export(args: Args) -> None:
    """The script's work."""
    experiment = Experiment.named(args.experiment)
    if not experiment.best_controller.exists():
        raise ExperimentError(f"{experiment.folder} has no chosen controller yet; run scripts/pipeline.py to its end")
    world_model = WorldModel.load(experiment.world_model)
    kept = np.linspace(0, len(world_model.starts) - 1, min(args.starts, len(world_model.starts))).astype(int)
    starts = Starts(*(array[kept] for array in vars(world_model.starts).values()))
    folder = world_model.replace(starts=starts).save(args.output, compact=True)
    LinearController.load(experiment.best_controller).save(folder / "controller.npz")
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.1f} MB")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(export, Args, args)


if __name__ == "__main__":
    main()
