"""A world model: a task, V, M and starts, saved as one folder that no loading can run code from."""

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym import convolution
from dreamgym.actions import ActionCodec
from dreamgym.dynamics import LATENT_BOUND, MemoryArrays
from dreamgym.errors import TaskError, WorldModelError
from dreamgym.files import write_whole
from dreamgym.tasks import Task, get_task

FORMAT_VERSION = 1
PRETRAINED = Path(__file__).parent / "pretrained"
_SMALL_BATCH = 8  # up to here NumPy is quicker than a call into TensorFlow, and spares loading it


@dataclass(frozen=True)
class Starts:
    """Short real sequences that dreams begin with, so that M's state is warm. S of them, L steps each.

    Attributes:
        mu: ``(S, L + 1, Z)`` float32.
        logvar: ``(S, L + 1, Z)`` float32.
        action: Coded, ``(S, L, A)`` float32.
    """

    mu: np.ndarray
    logvar: np.ndarray
    action: np.ndarray

    def __len__(self) -> int:
        return len(self.mu)


@dataclass(frozen=True)
class WorldModel:
    """V, M and starts of a task: all that a dream needs.

    Attributes:
        task: What is dreamt of.
        codec: The game's actions.
        vision: V's arrays, named as in :func:`dreamgym.convolution.array_shapes`.
        memory: M's arrays.
        starts: Where dreams begin.
        temperature: The one that dreams have unless told otherwise.
        details: Plain JSON data about how it was made, kept with it.
    """

    task: Task
    codec: ActionCodec
    vision: Mapping[str, np.ndarray]
    memory: MemoryArrays
    starts: Starts
    temperature: float = 1.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        self._check_sizes()

    @property
    def latent_size(self) -> int:
        """Z."""
        return self.starts.mu.shape[-1]

    @property
    def hidden_size(self) -> int:
        """H, M's LSTM units."""
        return self.memory.recurrent_kernel.shape[0]

    @property
    def n_mixtures(self) -> int:
        """K, Gaussians a latent dimension."""
        return (self.memory.head_bias.shape[0] - 2) // (3 * self.latent_size)

    @property
    def action_space(self) -> gym.Space:
        """The game's own; a new object each time, since spaces hold a generator."""
        return ActionCodec.from_json(self.codec.to_json()).space

    @property
    def observation_space(self) -> gym.spaces.Box:
        """``[z, h]``: the same Box in the dream and in the latent real env."""
        high = np.concatenate([np.full(self.latent_size, LATENT_BOUND), np.ones(self.hidden_size)])
        high = high.astype(np.float32)
        return gym.spaces.Box(-high, high, dtype=np.float32)

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """V's posterior over the latents of frames.

        Args:
            frames: uint8, ``(64, 64, 3)`` or ``(n, 64, 64, 3)``.

        Returns:
            ``mu`` and ``logvar``, float32, ``(Z,)`` or ``(n, Z)``.

        Raises:
            WorldModelError: The frames have another shape or dtype.
        """
        frames = np.asarray(frames)
        if frames.dtype != np.uint8 or frames.shape[-3:] != (64, 64, 3) or frames.ndim not in (3, 4):
            raise WorldModelError(
                f"frames are {frames.dtype} of shape {frames.shape}, expected uint8 (n, 64, 64, 3) or (64, 64, 3)"
            )
        batch = frames.reshape(-1, 64, 64, 3)
        if len(batch) <= _SMALL_BATCH:
            mu, logvar = convolution.encode(self.vision, batch)
        else:
            mu, logvar = self._batch_vision.encode(batch)
        shape = (*frames.shape[:-3], self.latent_size)
        return mu.reshape(shape), logvar.reshape(shape)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The frames that latents stand for: uint8, ``(64, 64, 3)`` or ``(n, 64, 64, 3)``.

        Args:
            z: ``(Z,)`` or ``(n, Z)``.

        Raises:
            WorldModelError: ``z`` does not have this model's number of latents.
        """
        z = np.asarray(z, np.float32)
        if z.ndim not in (1, 2) or z.shape[-1] != self.latent_size:
            raise WorldModelError(f"z has shape {z.shape}, expected (n, {self.latent_size}) or ({self.latent_size},)")
        batch = z.reshape(-1, self.latent_size)
        engine = convolution.decode if len(batch) <= _SMALL_BATCH else None
        frames = engine(self.vision, batch) if engine else self._batch_vision.decode(batch)
        return frames.reshape(*z.shape[:-1], 64, 64, 3)

    @cached_property
    def _batch_vision(self) -> Any:
        from dreamgym.vision import BatchVision

        return BatchVision(self.vision)

    def replace(self, **changes: Any) -> "WorldModel":
        """A copy with some attributes changed."""
        return dataclasses.replace(self, **changes)

    def save(self, folder: str | Path) -> Path:
        """Writes the world model into ``folder``, each file whole or not at all, and gives the folder back."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_arrays(folder / "vision.npz", self.vision)
        write_arrays(folder / "memory.npz", self.memory._asdict())
        write_arrays(folder / "starts.npz", vars(self.starts))
        description = {
            "format": "dreamgym world model",
            "version": FORMAT_VERSION,
            "task": self.task.name,
            "action_space": self.codec.to_json(),
            "temperature": self.temperature,
            "details": dict(self.details),
        }
        write_whole(folder / "world_model.json", json.dumps(description, indent=2).encode())
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "WorldModel":
        """Loads a world model from a folder, or a pretrained one by its name. Needs no TensorFlow.

        Raises:
            WorldModelError: The folder is missing or incomplete, or its parts do not fit each other.
            TaskError: Its task is not registered.
        """
        folder = find_folder(folder)
        description = _read_description(folder / "world_model.json")
        try:
            task = get_task(description["task"])
        except TaskError as error:
            raise TaskError(f"{folder}: {error}") from error
        starts = read_arrays(folder / "starts.npz", ("mu", "logvar", "action"))
        memory = read_arrays(folder / "memory.npz", MemoryArrays._fields)
        vision_names = tuple(convolution.array_shapes(1))
        vision = read_arrays(folder / "vision.npz", vision_names)
        try:
            return cls(
                task=task,
                codec=ActionCodec.from_json(description["action_space"]),
                vision=vision,
                memory=MemoryArrays(**memory),
                starts=Starts(**starts),
                temperature=description["temperature"],
                details=description["details"],
            )
        except WorldModelError as error:
            raise WorldModelError(f"{folder}: {error}") from error

    def _check_sizes(self) -> None:
        if self.starts.mu.ndim != 3 or len(self.starts) == 0:
            raise WorldModelError(f"starts.mu has shape {self.starts.mu.shape}, expected (starts, steps + 1, Z)")
        n, steps, z = self.starts.mu.shape
        hidden, actions = self.memory.recurrent_kernel.shape[0], self.codec.size
        n_heads = self.memory.head_bias.shape[0]
        expected: dict[str, tuple[int, ...]] = {
            "memory.kernel": (z + actions, 4 * hidden),
            "memory.recurrent_kernel": (hidden, 4 * hidden),
            "memory.bias": (4 * hidden,),
            "memory.head_kernel": (hidden, n_heads),
            "starts.logvar": (n, steps, z),
            "starts.action": (n, steps - 1, actions),
        } | {f"vision.{name}": shape for name, shape in convolution.array_shapes(z).items()}
        found = {f"memory.{k}": v for k, v in self.memory._asdict().items()}
        found |= {f"starts.{k}": v for k, v in vars(self.starts).items()}
        found |= {f"vision.{k}": v for k, v in self.vision.items()}
        for name, shape in expected.items():
            if found[name].shape != shape:
                raise WorldModelError(f"{name} has shape {found[name].shape}, expected {shape} for {z} latents")
        if (n_heads - 2) % (3 * z) or n_heads <= 2:
            raise WorldModelError(f"memory.head_bias has {n_heads} numbers, expected 3 x mixtures x {z} + 2")


def check_temperature(temperature: float) -> float:
    """Gives a temperature back if it is a finite number above 0.

    Raises:
        WorldModelError: It is not.
    """
    if not np.isfinite(temperature) or temperature <= 0:
        raise WorldModelError(f"temperature is {temperature}, expected a finite number above 0")
    return float(temperature)


def find_folder(name: str | Path) -> Path:
    """The folder of a world model, given as a folder or as the name of a pretrained one."""
    folder = Path(name)
    if folder.is_dir():
        return folder
    shipped = sorted(path.parent.name for path in PRETRAINED.glob("*/world_model.json"))
    if str(name) in shipped:
        return PRETRAINED / str(name)
    raise WorldModelError(f"world model {str(name)!r} is neither a folder nor a pretrained name; shipped: {shipped}")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as an ``.npz`` file, whole or not at all."""
    import io

    buffer = io.BytesIO()
    np.savez(buffer, format_version=np.int64(FORMAT_VERSION), **arrays)  # type: ignore[arg-type]
    write_whole(path, buffer.getvalue())


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Reads named arrays as float32 from an ``.npz`` file, without pickle.

    Raises:
        WorldModelError: The file is missing, broken, of a later format, or lacks an array.
    """
    if not path.is_file():
        raise WorldModelError(f"{path} is missing; the world model is incomplete, train or copy it again")
    try:
        with np.load(path, allow_pickle=False) as file:
            version = int(file["format_version"])
            if version > FORMAT_VERSION:
                raise WorldModelError(f"{path} has format {version}, this dreamgym reads up to {FORMAT_VERSION}")
            return {name: np.ascontiguousarray(file[name], np.float32) for name in names}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, WorldModelError):
            raise
        raise WorldModelError(f"{path} is broken or foreign ({error}); expected arrays {list(names)}") from error


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise WorldModelError(f"{path} is missing; {path.parent} is not a whole world model")
    try:
        description = json.loads(path.read_text())
        if description["format"] != "dreamgym world model":
            raise KeyError("format")
        for key in ("version", "task", "action_space", "temperature", "details"):
            description[key]
    except (ValueError, KeyError, TypeError) as error:
        raise WorldModelError(f"{path} is not a description of a world model ({error})") from error
    if description["version"] > FORMAT_VERSION:
        raise WorldModelError(f"{path} has format {description['version']}, this dreamgym reads {FORMAT_VERSION}")
    return description
