"""``dreamgym train-controller``: C, evolved by CMA-ES or trained by gradients."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.commands.exchanging import exchanging
from dreamgym.errors import SettingsError
from dreamgym.evolution.settings import SearchSettings
from dreamgym.evolution.train import train_controller
from dreamgym.play.settings import EnvSettings
from dreamgym.running.cluster.settings import ClusterSettings, open_executor
from dreamgym.running.jobs import default_workers
from dreamgym.running.lock import locked
from dreamgym.running.progress import format_score
from dreamgym.storage.settings import RemoteSettings
from dreamgym.tasks import Renderer


@dataclass(frozen=True)
class Args:
    """Trains C: by CMA-ES in the dream or in the real game, or by gradients through the dream.

    Reads a world model. Writes generations, log.csv, curves.png, best.npz (the checkpoint with the best score in the
    real game) and latest.npz into the output folder. Stopped anywhere, the same command continues after the last whole
    generation. Next: dreamgym evaluate, dreamgym record.
    """

    world_model: Path
    """Folder of the world model, or a pretrained name."""
    output: Path
    """Folder for the search."""
    task: str | None = None
    """A task's name, or package.module:TASK; the experiment's or the world model's, if not given."""
    initial: Path | None = None
    """A saved controller to begin with; zeros if not given."""
    ensemble: Path | None = None
    """Folder of member-0/memory.npz and so on, for --members of 2 or more; the world model's own M if not given."""
    seed: int = 0
    """Of the search, its dreams and episodes."""
    workers: int = field(default_factory=default_workers)
    """Processes that play the real game; 0 plays in this one."""
    place: Annotated[ClusterSettings, tyro.conf.arg(name="")] = field(default_factory=ClusterSettings)
    renderer: Renderer = "fast"
    """fast: the task's faster env where it has one; stock: the game as it is."""
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)
    controller: Annotated[SearchSettings, tyro.conf.arg(name="")] = field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        if (self.ensemble is None) != (self.controller.members == 1):
            raise SettingsError(f"members is {self.controller.members}, ensemble {self.ensemble}; give both or neither")


def run(args: Args) -> None:
    """Trains C, and prints its score."""
    n_members, output = args.controller.members, args.output
    members = [] if args.ensemble is None else [args.ensemble / f"member-{n}" / "memory.npz" for n in range(n_members)]
    env = EnvSettings(task=args.task, world_model=str(args.world_model), renderer=args.renderer)
    needed = [args.world_model, args.initial, *members]
    with (
        locked(output),
        exchanging(args.storage.remote, reads=needed, writes=[output]),
        open_executor(args.workers, args.place) as executor,
    ):
        trained = train_controller(
            cli.complete(env, ""),
            output,
            args.controller,
            seed=args.seed,
            selection_seed=args.seed,
            initial=args.initial,
            members=members,
            workers=executor,
        )
    score = format_score(trained.score or 0.0)
    print(f"controller: {output / 'best.npz'}, {score} on the selection episodes of the real game")
