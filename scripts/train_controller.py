"""Evolves C by CMA-ES, in the dream or in the real game."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.errors import ExperimentError
from dreamgym.jobs import default_workers
from dreamgym.tasks import Renderer
from scripts import command
from scripts.road import evolve
from scripts.settings import ControllerSettings


@dataclass(frozen=True)
class Args:
    """Evolves C; stopped anywhere, the same command goes on from the last whole generation."""

    world_model: Path
    """Folder of the world model, or the name of one that ships."""
    output: Path
    """Folder for the generations, log.csv, curves.png, best.npz and latest.npz."""
    initial: Path | None = None
    """A saved controller to begin with; zeros if not given."""
    ensemble: Path | None = None
    """Folder of member-0/memory.npz and so on, for --members of 2 or more; the world model's own M if not given."""
    seed: int = 0
    """Of the search, its dreams and tracks."""
    workers: int = field(default_factory=default_workers)
    """Processes that play the real game."""
    renderer: Renderer = "fast"
    """fast takes the task's quicker env where it has one, stock the game as it is."""
    controller: Annotated[ControllerSettings, tyro.conf.arg(name="")] = field(default_factory=ControllerSettings)


def train_controller(args: Args) -> None:
    """The script's work."""
    n_members = args.controller.members
    if (args.ensemble is None) != (n_members == 1):
        raise ExperimentError(f"--members is {n_members}, --ensemble {args.ensemble}; give both, or neither of them")
    ensemble = [] if args.ensemble is None else [args.ensemble / f"member-{n}" / "memory.npz" for n in range(n_members)]
    trained = evolve(
        args.world_model,
        args.output,
        args.controller,
        members=ensemble,
        initial=args.initial,
        seed=args.seed,
        selection_seed=args.seed,
        workers=args.workers,
        renderer=args.renderer,
    )
    print(f"controller: {args.output / 'best.npz'}, {trained.score:.1f} on the selection tracks of the real game")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(train_controller, Args, args)


if __name__ == "__main__":
    main()
