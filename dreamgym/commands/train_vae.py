"""``dreamgym train-vae``: V, trained on the frames of episodes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.commands.exchanging import exchanging
from dreamgym.data.episodes import list_episodes
from dreamgym.errors import DataError
from dreamgym.models.settings import VisionSettings
from dreamgym.pipeline.training import fit_vision
from dreamgym.running.checks import check_settings, inside
from dreamgym.running.lock import locked
from dreamgym.storage.settings import RemoteSettings


@dataclass(frozen=True)
class Args:
    """Trains V, the VAE.

    Reads folders of episodes. Writes vision.npz, checkpoints, log.csv and TensorBoard's events into the output folder.
    Stopped anywhere, the same command continues after the last whole epoch. Next: dreamgym encode.
    """

    rollouts: tuple[Path, ...]
    """Folders of episodes."""
    output: Path
    """Folder for vision.npz, checkpoints and logs."""
    task: str | None = None
    """A task's name, or package.module:TASK; the experiment's or the episodes', if not given. Decides V's latents."""
    held_out: float = 0.1
    """The fraction of episodes held out; their loss decides which epoch is kept."""
    seed: int = 0
    """Of weights, noise and the order of frames."""
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)
    vision: VisionSettings = field(default_factory=VisionSettings)

    def __post_init__(self) -> None:
        check_settings(self, held_out=inside(0, 1))


def run(args: Args) -> None:
    """Trains V."""
    with locked(args.output), exchanging(args.storage.remote, reads=args.rollouts, writes=[args.output]):
        task = cli.task_for(args.task, args.rollouts)
        episodes = [path for folder in args.rollouts for path in list_episodes(folder)]
        if not episodes:
            raise DataError(f"no episodes in {[str(folder) for folder in args.rollouts]}; run dreamgym collect first")
        path = fit_vision(task, episodes, args.output, args.vision, held_out=args.held_out, seed=args.seed, verbose=1)
    print(f"V: {path}")
