"""Trains V, the VAE, on the frames of collected episodes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dreamgym.data.episodes import list_episodes
from dreamgym.errors import DataError
from dreamgym.hyperparameters import VisionSettings
from dreamgym.stages import fit_vision
from dreamgym.tasks import get_task
from scripts import command


@dataclass(frozen=True)
class Args:
    """Trains V; stopped anywhere, the same command goes on from the last whole epoch."""

    rollouts: tuple[Path, ...]
    """Folders of episodes."""
    output: Path
    """Folder for vision.npz, checkpoints, the CSV log and TensorBoard's events."""
    task: str = "car_racing"
    """A registered task, or package.module:TASK; gives the number of latents."""
    held_out: float = 0.1
    """The part of the episodes that is held out to stop by."""
    seed: int = 0
    """Of weights, noise and order."""
    vision: VisionSettings = field(default_factory=VisionSettings)


def train_vae(args: Args) -> None:
    """The script's work."""
    episodes = [path for folder in args.rollouts for path in list_episodes(folder)]
    if not episodes:
        raise DataError(
            f"no episodes in {[str(folder) for folder in args.rollouts]}; run scripts/sample_policy.py first"
        )
    path = fit_vision(
        get_task(args.task), episodes, args.output, args.vision, held_out=args.held_out, seed=args.seed, verbose=1
    )
    print(f"V: {path}")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(train_vae, Args, args)


if __name__ == "__main__":
    main()
