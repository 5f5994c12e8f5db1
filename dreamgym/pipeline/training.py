"""From data to a world model: episodes to V, latents to M, V and M and starts to one folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.data.frames import FrameStore
from dreamgym.data.latents import LatentEpisode, read_latents
from dreamgym.data.sequences import make_starts, split_episodes, windows
from dreamgym.evaluation.ends import foreseen_ends
from dreamgym.evaluation.fidelity import WARM_UP, fidelity, plot_fidelity
from dreamgym.models.arrays import load_memory, load_vision, write_arrays
from dreamgym.models.settings import MemorySettings, MemorySizes, VisionSettings
from dreamgym.running.checks import at_least, between, check_settings
from dreamgym.running.provenance import hash_arrays
from dreamgym.tasks import Task
from dreamgym.world_model import WorldModel

HELD_OUT_FRAMES = 2000  # more would take time after every epoch and change little


@dataclass(frozen=True)
class StartSettings:
    """The starts of a world model's dreams."""

    starts: int = 1000
    """Starts kept in the world model."""
    start_steps: int = 20
    """Decisions in the real sequence of a start, after which the dream begins."""
    rewarded_starts: float = 0.75
    """The fraction of starts from sequences in which the game paid; in the others it did not."""

    def __post_init__(self) -> None:
        check_settings(self, starts=at_least(1), start_steps=at_least(1), rewarded_starts=between(0, 1))


class Split(NamedTuple):
    """Latents to train on, and latents that are held out."""

    train: Sequence[LatentEpisode]
    held_out: Sequence[LatentEpisode]


class Parts(NamedTuple):
    """What a world model is assembled from: V's file, M's file, and the latents that starts are drawn from."""

    vision: Path
    memory: Path
    episodes: Sequence[LatentEpisode]
    older: Sequence[LatentEpisode] = ()  # more of them, for starts in which the game did not pay


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
    """Trains V on the frames of episode files, saves it as ``folder/vision.npz`` and returns that path.

    The loss on held-out episodes decides which epoch is kept. Interrupted training resumes from the folder.
    """
    from dreamgym.models.fit import Batches
    from dreamgym.models.training import train_vision

    train, held = split_episodes(episodes, held_out, seed)
    frames, held_store = (FrameStore(part, first_steps=settings.first_steps) for part in (train, held))
    batch_size = max(1, min(settings.batch_size, len(frames)))
    arrays = train_vision(
        Batches(lambda epoch: frames.batches(batch_size, seed, epoch), len(frames) // batch_size, frames.fingerprint),
        held_store.sample(HELD_OUT_FRAMES, seed),
        folder,
        settings,
        latent_size=task.latent_size,
        seed=seed,
        verbose=verbose,
    )
    write_arrays(folder / "vision.npz", arrays)
    return folder / "vision.npz"


def read_splits(folders: Sequence[Path], vision: Path, held_out: float, seed: int) -> list[Split]:
    """Reads latents to train on and to hold out, a split per folder, which does not depend on the other folders."""
    stamp = hash_arrays(load_vision(vision))
    return [Split(*split_episodes(read_latents(folder, stamp), held_out, seed)) for folder in folders]


def read_split(folders: Sequence[Path], vision: Path, held_out: float, seed: int) -> Split:
    """Reads the latents of several folders as one split."""
    return join(read_splits(folders, vision, held_out, seed))


def join(splits: Sequence[Split]) -> Split:
    """Several splits as one."""
    return Split([e for split in splits for e in split.train], [e for split in splits for e in split.held_out])


def fit_memory(
    task: Task,
    data: Split,
    folder: Path,
    settings: MemorySettings,
    *,
    seed: int = 0,
    start_from: Path | None = None,
    verbose: int = 2,
) -> Path:
    """Trains M on latents, saves it as ``folder/memory.npz`` and returns that path."""
    from dreamgym.models.training import train_memory

    arrays = train_memory(
        windows(data.train, settings.sequence_length),
        windows(data.held_out, settings.sequence_length),
        folder,
        settings,
        sizes=MemorySizes(task.hidden_size, task.n_mixtures),
        seed=seed,
        start_from=None if start_from is None else load_memory(start_from),
        verbose=verbose,
    )
    write_arrays(folder / "memory.npz", arrays._asdict())
    return folder / "memory.npz"


def assemble(
    task: Task,
    parts: Parts,
    starts: StartSettings,
    *,
    temperature: float = 1.0,
    frame_skip: int | None = None,
    seed: int = 0,
    details: Mapping[str, Any] | None = None,
) -> WorldModel:
    """Assembles a world model of trained parts, with starts drawn from the episodes.

    ``frame_skip`` is that of the episodes; the task's if None.
    """
    game = task.make_env("stock", frame_skip=frame_skip)
    game.close()
    memory, rewarded = load_memory(parts.memory), starts.rewarded_starts
    return WorldModel(
        task=task,
        codec=ActionCodec(game.action_space),
        vision=load_vision(parts.vision),
        memory=memory,
        starts=make_starts(
            parts.episodes,
            memory,
            starts.starts,
            starts.start_steps,
            seed=seed,
            rewarded=rewarded,
            older=parts.older,
        ),
        temperature=temperature,
        frame_skip=game.skip,
        render_fps=float(game.metadata["render_fps"]),
        details=details or {},
    )


def measure(world_model: WorldModel, held_out: Sequence[LatentEpisode], folder: Path) -> dict[str, Any]:
    """Measures how well M predicts held-out episodes. Returns the metrics and plots ``folder/fidelity.png``.

    M runs open-loop for fifty steps, or for as many as the median episode allows: half of the episodes or more count.
    """
    median = int(np.median([len(episode) for episode in held_out]))
    warm_up = min(WARM_UP, median // 3)
    result = fidelity(world_model, held_out, horizon=min(50, median - warm_up), warm_up=warm_up)
    plot_fidelity(result, folder / "fidelity.png")
    result["ends"] = foreseen_ends(world_model, held_out)
    return {key: value for key, value in result.items() if key != "latent_error"}
