"""``dreamgym export``: a world model and its controller in one small folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamgym.errors import ExperimentError
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import read_settings
from dreamgym.policies.controller import LinearController
from dreamgym.running.checks import at_least, check_settings
from dreamgym.tasks import get_task
from dreamgym.world_model import WorldModel


@dataclass(frozen=True)
class Args:
    """Exports an experiment's world model and controller, to share or to load anywhere: dreamgym export NAME.

    Reads a finished experiment. Writes one folder. dreamgym evaluate, dreamgym record, dreamgym.pretrained and gym.make
    take it by its path.
    """

    experiment: str
    """A name under DREAMGYM_HOME (~/world-models-experiments), or a folder."""
    output: Path
    """The folder to write."""
    task: str | None = None
    """The task as package.module:TASK, if its module moved since the experiment was begun."""
    starts: int = 200
    """Starts of dreams to keep at most."""

    def __post_init__(self) -> None:
        check_settings(self, starts=at_least(1))


def run(args: Args) -> None:
    """Writes the folder, and prints its size."""
    experiment = Experiment.named(args.experiment)
    get_task(args.task or read_settings(experiment).task)
    if not experiment.controller.exists():
        raise ExperimentError(f"{experiment.folder} has no selected controller yet; run dreamgym pipeline to its end")
    world_model = WorldModel.load(experiment.world_model)
    kept = np.linspace(0, len(world_model.starts) - 1, min(args.starts, len(world_model.starts))).astype(int)
    folder = world_model.replace(starts=world_model.starts.chosen(kept)).save(args.output, compact=True)
    LinearController.load(experiment.controller).save(folder / "controller.npz")
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.1f} MB")
