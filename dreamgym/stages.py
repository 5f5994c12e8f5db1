"""Stages between data and a world model: frames to V, latents to M, all of it to a folder that dreams."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym import convolution
from dreamgym.data.frames import FrameStore
from dreamgym.data.latents import LatentEpisode, read_latents, vision_stamp
from dreamgym.data.sequences import make_starts, split_episodes, windows
from dreamgym.dynamics import MemoryArrays
from dreamgym.errors import TrainingError
from dreamgym.fidelity import WARM_UP, fidelity, plot_fidelity
from dreamgym.hyperparameters import MemorySettings, VisionSettings
from dreamgym.resolve import resolve_task
from dreamgym.tasks import Task
from dreamgym.world_model import WorldModel, read_arrays, write_arrays

HELD_OUT_FRAMES = 2000  # more would cost time after every epoch and tell nothing new


def fit_vision(
    task: Task,
    episodes: Sequence[Path],
    folder: Path,
    settings: VisionSettings,
    *,
    held_out: float = 0.1,
    seed: int = 0,
    verbose: int = 2,
) -> Path:
    """Trains V on the frames of episode files and saves it as ``folder/vision.npz``, whose path it gives.

    Args:
        task: Gives V's size.
        episodes: Episode files.
        folder: For V, checkpoints and logs; training that was stopped goes on from there.
        settings: How.
        held_out: The part of episodes that is kept out and decides which epoch was best.
        seed: Of everything drawn.
        verbose: Keras's.
    """
    from dreamgym.training import train_vision

    train, held = split_episodes(episodes, held_out, seed)
    frames = FrameStore(train)
    held_frames = FrameStore(held).sample(HELD_OUT_FRAMES, seed)
    if len(frames) == 0 or len(held_frames) == 0:
        raise TrainingError(f"V has {len(frames)} frames to train on and {len(held_frames)} to hold out; collect more")
    arrays = train_vision(
        lambda epoch: frames.batches(settings.batch_size, seed, epoch),
        max(1, len(frames) // settings.batch_size),
        held_frames,
        folder,
        settings,
        latent_size=task.latent_size,
        seed=seed,
        verbose=verbose,
    )
    write_arrays(folder / "vision.npz", arrays)
    return folder / "vision.npz"


def load_vision(path: Path) -> dict[str, np.ndarray]:
    """V's arrays from ``vision.npz``.

    Raises:
        WorldModelError: The file is missing or broken.
    """
    return read_arrays(path, tuple(convolution.array_shapes(1)))


def read_split(
    folders: Sequence[Path], vision: Path, held_out: float, seed: int
) -> tuple[list[LatentEpisode], list[LatentEpisode]]:
    """Latents to train on and to hold out: the same episodes of a folder whatever other folders there are.

    Args:
        folders: Of latents.
        vision: The ``vision.npz`` that must have made them.
        held_out: The part of each folder's episodes that is held out.
        seed: Of the choice.

    Raises:
        DataError: A folder holds nothing, or more than half of it is broken or another V's.
    """
    stamp = vision_stamp(load_vision(vision))
    train: list[LatentEpisode] = []
    held: list[LatentEpisode] = []
    for folder in folders:
        ours, theirs = split_episodes(read_latents(folder, stamp), held_out, seed)
        train += ours
        held += theirs
    return train, held


def fit_memory(
    task: Task,
    train: Sequence[LatentEpisode],
    held_out: Sequence[LatentEpisode],
    folder: Path,
    settings: MemorySettings,
    *,
    seed: int = 0,
    start_from: Path | None = None,
    verbose: int = 2,
) -> Path:
    """Trains M on latents and saves it as ``folder/memory.npz``, whose path it gives.

    Args:
        task: Gives M's size.
        train: What V made of episodes.
        held_out: The same of others, which decide which epoch was best.
        folder: For M, checkpoints and logs; training that was stopped goes on from there.
        settings: How.
        seed: Of everything drawn.
        start_from: Another M's ``memory.npz`` to go on from.
        verbose: Keras's.
    """
    from dreamgym.training import train_memory

    arrays = train_memory(
        windows(train, settings.sequence_length),
        windows(held_out, settings.sequence_length),
        folder,
        settings,
        hidden_size=task.hidden_size,
        n_mixtures=task.n_mixtures,
        seed=seed,
        start_from=None if start_from is None else load_memory(start_from),
        verbose=verbose,
    )
    write_arrays(folder / "memory.npz", arrays._asdict())
    return folder / "memory.npz"


def load_memory(path: Path) -> MemoryArrays:
    """M's arrays from ``memory.npz``.

    Raises:
        WorldModelError: The file is missing or broken.
    """
    return MemoryArrays(**read_arrays(path, MemoryArrays._fields))


def assemble(
    task: Task,
    vision: Path,
    memory: Path,
    episodes: Sequence[LatentEpisode],
    *,
    n_starts: int = 1000,
    start_steps: int = 20,
    rewarded: float = 0.0,
    temperature: float = 1.0,
    seed: int = 0,
    details: dict[str, Any] | None = None,
) -> WorldModel:
    """A world model of trained parts, with starts drawn from all over the episodes."""
    return WorldModel(
        task=task,
        codec=resolve_task(task, None)[1],
        vision=load_vision(vision),
        memory=load_memory(memory),
        starts=make_starts(episodes, n_starts, start_steps, seed, rewarded),
        temperature=temperature,
        details=details or {},
    )


def measure(world_model: WorldModel, held_out: Sequence[LatentEpisode], folder: Path) -> dict[str, Any]:
    """How well M knows the game: figures for a log, and ``folder/fidelity.png``.

    Fifty steps are dreamt ahead where the held-out episodes are long enough, else as many as they allow.
    """
    longest = max(len(episode) for episode in held_out)
    warm_up = min(WARM_UP, longest // 3)
    result = fidelity(world_model, held_out, horizon=min(50, longest - warm_up), warm_up=warm_up)
    plot_fidelity(result, folder / "fidelity.png")
    return {key: value for key, value in result.items() if key != "latent_error"}
