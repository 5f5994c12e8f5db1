"""Trains M, the MDN-RNN, on latents, and saves the world model that dreams are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dreamgym.hyperparameters import MemorySettings
from dreamgym.stages import assemble, fit_memory, measure, read_split
from dreamgym.tasks import get_task
from scripts import command


@dataclass(frozen=True)
class Args:
    """Trains M; stopped anywhere, the same command goes on from the last whole epoch."""

    latents: tuple[Path, ...]
    """Folders that scripts/sample_latent_stats.py wrote."""
    vision: Path
    """The vision.npz that made the latents."""
    output: Path
    """Folder for memory.npz, checkpoints and logs."""
    world_model: Path
    """Folder that the finished world model is saved in."""
    task: str = "car_racing"
    """A registered task, or package.module:TASK; gives the sizes of M."""
    start_from: Path | None = None
    """Another M's memory.npz to go on from."""
    temperature: float = 1.0
    """The temperature that dreams of this world model have by default."""
    starts: int = 1000
    """Starts of dreams kept in the world model."""
    start_steps: int = 20
    """Real steps that warm M up at a start."""
    rewarded_starts: float = 0.75
    """The part of starts drawn from where the game paid more than its average."""
    held_out: float = 0.1
    """The part of the episodes that is held out to stop by and to measure M on."""
    seed: int = 0
    """Of weights, noise and order."""
    memory: MemorySettings = field(default_factory=MemorySettings)


def train_memory(args: Args) -> None:
    """The script's work."""
    task = get_task(args.task)
    train, held_out = read_split(args.latents, args.vision, args.held_out, args.seed)
    memory = fit_memory(
        task,
        train,
        held_out,
        args.output,
        args.memory,
        seed=args.seed,
        start_from=args.start_from,
        verbose=1,
    )
    world_model = assemble(
        task,
        args.vision,
        memory,
        train,
        n_starts=args.starts,
        start_steps=args.start_steps,
        rewarded=args.rewarded_starts,
        temperature=args.temperature,
        seed=args.seed,
    )
    folder = world_model.save(args.world_model)
    result = measure(world_model, held_out, folder)
    print(f"world model: {folder}")
    for name, nll in result["nll"].items():
        print(f"  NLL a dimension, {name}: {nll:.3f} nats")
    print(f"  rewards over the open-loop horizon, dreamt against real: correlation {result['target_correlation']}")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(train_memory, Args, args)


if __name__ == "__main__":
    main()
