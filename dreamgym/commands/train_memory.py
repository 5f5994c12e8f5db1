"""``dreamgym train-memory``: M, trained on latents, and the world model that is assembled with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.commands.exchanging import exchanging
from dreamgym.data.sequences import check_lengths
from dreamgym.models.settings import MemorySettings
from dreamgym.pipeline.training import Parts, StartSettings, assemble, fit_memory, measure, read_split
from dreamgym.play.collect import collected_frame_skip
from dreamgym.running.checks import above, check_settings, inside
from dreamgym.running.lock import locked
from dreamgym.storage.settings import RemoteSettings


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
    task: str | None = None
    """A task's name, or package.module:TASK; the experiment's or the episodes', if not given. Decides M's sizes."""
    start_from: Path | None = None
    """Another M's memory.npz to continue from."""
    temperature: float = 1.0
    """The temperature that dreams of this world model have by default."""
    held_out: float = 0.1
    """The fraction of episodes held out; their loss decides which epoch is kept, and M is measured on them."""
    seed: int = 0
    """Of weights, noise and the order of sequences."""
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)
    starts: Annotated[StartSettings, tyro.conf.arg(name="")] = field(default_factory=StartSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)

    def __post_init__(self) -> None:
        check_settings(self, held_out=inside(0, 1), temperature=above(0))


def run(args: Args) -> None:
    """Trains M, saves the world model and prints its fidelity."""
    output, vision = args.output, args.vision.expanduser()
    needed, made = [*args.latents, vision, args.start_from], [output, args.world_model]
    with locked(output), exchanging(args.storage.remote, reads=needed, writes=made):
        task = cli.task_for(args.task, args.latents)
        split = read_split(args.latents, vision, args.held_out, args.seed)
        check_lengths(map(len, split.train), args.starts.start_steps)
        memory = fit_memory(task, split, output, args.memory, seed=args.seed, start_from=args.start_from, verbose=1)
        world_model = assemble(
            task,
            Parts(vision, memory, split.train),
            args.starts,
            temperature=args.temperature,
            frame_skip=collected_frame_skip(args.latents),
            seed=args.seed,
        )
        folder = world_model.save(args.world_model)
        result = measure(world_model, split.held_out, folder)
    print(f"world model: {folder}")
    for name, nll in result["nll"].items():
        print(f"  NLL per dimension, {name}: {nll:.3f} nats")
    correlation = result["target_correlation"]
    shown = "n/a, one of them does not vary" if correlation is None else f"{correlation:.2f}"
    print(f"  open-loop rewards, dreamt against real: correlation {shown}")
