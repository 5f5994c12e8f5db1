"""``dreamgym encode``: episodes to latents."""

from dataclasses import dataclass
from pathlib import Path

from dreamgym.data.encode import encode_rollouts
from dreamgym.models.arrays import load_vision
from dreamgym.running.lock import locked
from dreamgym.world_model_folder import find_world_model


@dataclass(frozen=True)
class Args:
    """Encodes episodes with V: the mean and log variance of every frame's latents.

    Reads a folder of episodes and V. Writes one file per episode into the latents' folder. Latents that the same V made
    of the same episodes are kept, others are made anew. Next: dreamgym train-memory.
    """

    rollouts: Path
    """Folder of episodes."""
    latents: Path
    """Folder for their latents."""
    world_model: Path
    """V: a vision.npz that dreamgym train-vae wrote, or the folder or pretrained name of a world model."""


def run(args: Args) -> None:
    """Encodes, and prints the report."""
    is_file = args.world_model.is_file()
    path = args.world_model if is_file else find_world_model(args.world_model) / "vision.npz"
    with locked(args.latents):
        report = encode_rollouts(args.rollouts, args.latents, load_vision(path))
    print(f"{report.folder}: latents of {report.episodes} episodes, {report.kept} kept, {report.made} made")
    for broken in report.failed:
        print(f"  {broken} is broken")
