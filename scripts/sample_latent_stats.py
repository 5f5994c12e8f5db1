"""Encodes collected episodes with V: the mean and log variance of every frame's latents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dreamgym import convolution
from dreamgym.data.latents import encode_rollouts
from dreamgym.world_model import find_folder, read_arrays
from scripts import command


@dataclass(frozen=True)
class Args:
    """Encodes episodes; latents that the same V made of the same episodes are kept, others are made anew."""

    rollouts: Path
    """Folder of episodes."""
    latents: Path
    """Folder for their latents."""
    world_model: Path
    """Where V is: a vision.npz that scripts/train_vae.py wrote, or the folder of a world model."""


def sample_latent_stats(args: Args) -> None:
    """The script's work."""
    path = args.world_model if args.world_model.is_file() else find_folder(args.world_model) / "vision.npz"
    report = encode_rollouts(args.rollouts, args.latents, read_arrays(path, tuple(convolution.array_shapes(1))))
    print(f"{report.folder}: latents of {report.episodes} episodes, {report.kept} kept, {report.made} made")
    for broken in report.failed:
        print(f"  {broken} is broken")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(sample_latent_stats, Args, args)


if __name__ == "__main__":
    main()
