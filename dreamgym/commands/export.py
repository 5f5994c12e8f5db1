"""``dreamgym export``: a world model and its controller in one small folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamgym.commands import cli
from dreamgym.onnx_export.export import export_onnx
from dreamgym.running.checks import at_least, check_settings


@dataclass(frozen=True)
class Args:
    """Exports a world model and its controller, to share or to load anywhere: dreamgym export NAME.

    Reads a finished experiment, or a world model's folder. Writes one folder. dreamgym evaluate, dreamgym record,
    dreamgym.pretrained and gym.make take it by its path; with --onnx it is for other programs instead.
    """

    experiment: str
    """A name under DREAMGYM_HOME (~/world-models-experiments), a folder, or a pretrained name."""
    output: Path
    """The folder to write."""
    task: str | None = None
    """The task as package.module:TASK, if its module moved since the experiment was begun."""
    starts: int = 200
    """Starts of dreams to keep at most."""
    onnx: bool = False
    """Write ONNX graphs of V's encoder and decoder, M's step and the controller, in place of dreamgym's own files."""
    half: bool = False
    """Store M, or the weights of all ONNX graphs, in half precision. M's dreams are others then, after some fifty
    steps: score the controller again."""

    def __post_init__(self) -> None:
        check_settings(self, starts=at_least(1))


def run(args: Args) -> None:
    """Writes the folder, and prints its size."""
    world_model, controller = cli.load_trained(args.experiment, args.task)
    kept = np.linspace(0, len(world_model.starts) - 1, min(args.starts, len(world_model.starts))).astype(int)
    world_model, folder = world_model.replace(starts=world_model.starts.chosen(kept)), args.output
    if args.onnx:
        written = export_onnx(world_model, folder, controller, half=args.half)
    else:
        world_model.save(folder, compact=True, half=args.half)
        if controller is not None:
            controller.save(folder / "controller.npz")
        written = list(folder.iterdir())
    print(f"{folder}: {sum(path.stat().st_size for path in written) / 1e6:.1f} MB")
