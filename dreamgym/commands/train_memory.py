"""``dreamgym train-memory``: M, trained on latents, and the world model that is assembled with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.games import DEFAULT_GAME
from dreamgym.models.settings import MemorySettings
from dreamgym.pipeline.training import Parts, StartSettings, assemble, fit_memory, measure, read_split
from dreamgym.running.checks import above, check_settings, inside
from dreamgym.running.lock import locked
from dreamgym.tasks import get_task


@dataclass(frozen=True)
class Args:
    """Trains M, the MDN-RNN, and saves a world model.

    Reads folders of latents and V. Writes memory.npz, checkpoints and logs into the output folder, and the world model
    into its own folder. Stopped anywhere, the same command continues after the last whole epoch. Next: dreamgym
    train-controller.
    """

    latents: tuple[Path, ...]
    """Folders that dreamgym encode wrote."""
    vision: Path
    """The vision.npz that made the latents."""
    output: Path
    """Folder for memory.npz, checkpoints and logs."""
    world_model: Path
    """Folder for the finished world model."""
    task: str = DEFAULT_GAME
    """A task's name, or package.module:TASK; decides the sizes of M."""
    start_from: Path | None = None
    """Another M's memory.npz to continue from."""
    temperature: float = 1.0
    """The temperature that dreams of this world model have by default."""
    held_out: float = 0.1
    """The fraction of episodes held out; their loss decides which epoch is kept, and M is measured on them."""
    seed: int = 0
    """Of weights, noise and the order of sequences."""
    starts: Annotated[StartSettings, tyro.conf.arg(name="")] = field(default_factory=StartSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)

    def __post_init__(self) -> None:
        check_settings(self, held_out=inside(0, 1), temperature=above(0))


def run(args: Args) -> None:
    """Trains M, saves the world model and prints its fidelity."""
    task, output = get_task(args.task), args.output.expanduser()
    folders = [folder.expanduser() for folder in args.latents]
    vision = args.vision.expanduser()
    split = read_split(folders, vision, args.held_out, args.seed)
    with locked(output):
        memory = fit_memory(task, split, output, args.memory, seed=args.seed, start_from=args.start_from, verbose=1)
        world_model = assemble(
            task, Parts(vision, memory, split.train), args.starts, temperature=args.temperature, seed=args.seed
        )
        folder = world_model.save(args.world_model.expanduser())
    result = measure(world_model, split.held_out, folder)
    print(f"world model: {folder}")
    for name, nll in result["nll"].items():
        print(f"  NLL per dimension, {name}: {nll:.3f} nats")
    print(f"  open-loop rewards, dreamt against real: correlation {result['target_correlation']}")
