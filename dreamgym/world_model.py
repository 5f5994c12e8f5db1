"""A world model: a task, V, M and starts, saved as one folder that no loading can run code from."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym import convolution
from dreamgym.actions import ActionCodec
from dreamgym.dynamics import LATENT_BOUND, MemoryArrays
from dreamgym.errors import TaskError, WorldModelError
from dreamgym.files import read_npz, write_npz, write_whole
from dreamgym.tasks import Task, get_task

FORMAT_VERSION = 1
PRETRAINED = Path(__file__).parent / "pretrained"
_SMALL_BATCH = 8  # up to here NumPy is quicker than a call into TensorFlow, and spares loading it


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
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

    Raises:
        WorldModelError: The parts do not fit each other, or the temperature is not above 0.
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

    def save(self, folder: str | Path, *, compact: bool = False) -> Path:
        """Writes the world model into ``folder``, each file whole or not at all, and gives the folder back.

        Args:
            folder: Made if it is not there.
            compact: Keep V and the starts as float16, half the size; a latent then changes in its fourth digit.

        Raises:
            WorldModelError: ``details`` is no plain JSON data.
        """
        folder = Path(folder)
        description = {
            "format": "dreamgym world model",
            "version": FORMAT_VERSION,
            "task": self.task.name,
            "action_space": self.codec.to_json(),
            "temperature": float(self.temperature),
            "details": dict(self.details),
        }
        try:
            content = json.dumps(description, indent=2).encode()
        except (TypeError, ValueError) as error:
            raise WorldModelError(f"details {self.details!r} must be plain JSON data ({error})") from error
        # A save over an older world model that is cut short must not leave V of one and M of the other.
        (folder / "world_model.json").unlink(missing_ok=True)
        dtype = np.float16 if compact else np.float32
        write_arrays(folder / "vision.npz", {name: array.astype(dtype) for name, array in self.vision.items()})
        write_arrays(folder / "memory.npz", self.memory._asdict())
        write_arrays(folder / "starts.npz", {name: array.astype(dtype) for name, array in vars(self.starts).items()})
        write_whole(folder / "world_model.json", content)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "WorldModel":
        """Loads a world model from a folder, or a pretrained one by its name. Needs no TensorFlow.

        Raises:
            WorldModelError: The folder is missing or incomplete, or its parts do not fit each other.
            TaskError: Its task is not registered.
        """
        folder = find_folder(folder)
        description_path = folder / "world_model.json"
        description = _read_description(description_path)
        try:
            task = get_task(description["task"])
        except TaskError as error:
            raise TaskError(f"{description_path}: {error}") from error
        try:
            codec = ActionCodec.from_json(description["action_space"])
            check_temperature(description["temperature"])
        except (TaskError, WorldModelError) as error:
            raise WorldModelError(f"{description_path}: {error}") from error
        starts = read_arrays(folder / "starts.npz", ("mu", "logvar", "action"))
        memory = read_arrays(folder / "memory.npz", MemoryArrays._fields)
        vision = read_arrays(folder / "vision.npz", tuple(convolution.array_shapes(1)))
        try:
            return cls(
                task=task,
                codec=codec,
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
        hidden, actions = self.memory.recurrent_kernel.shape[-1] // 4, self.codec.size
        n_heads = self.memory.head_bias.shape[-1]
        expected: dict[str, tuple[int, ...]] = {
            "memory.kernel": (z + actions, 4 * hidden),
            "memory.recurrent_kernel": (hidden, 4 * hidden),
            "memory.bias": (4 * hidden,),
            "memory.head_kernel": (hidden, n_heads),
            "memory.head_bias": (n_heads,),
            "starts.logvar": (n, steps, z),
            "starts.action": (n, steps - 1, actions),
        } | {f"vision.{name}": shape for name, shape in convolution.array_shapes(z).items()}
        found = {f"memory.{k}": v for k, v in self.memory._asdict().items()}
        found |= {f"starts.{k}": v for k, v in vars(self.starts).items()}
        found |= {f"vision.{k}": v for k, v in self.vision.items()}
        for name, shape in expected.items():
            if name not in found:
                raise WorldModelError(f"{name} is missing; V needs {list(convolution.array_shapes(z))}")
            if found[name].shape != shape:
                raise WorldModelError(
                    f"{name} has shape {found[name].shape}, expected {shape} for {z} latents, "
                    f"{hidden} units and {actions} action numbers; are all parts of the same training?"
                )
        if (n_heads - 2) % (3 * z) or n_heads <= 2:
            raise WorldModelError(f"memory.head_bias has {n_heads} numbers, expected 3 x mixtures x {z} + 2")


def check_temperature(temperature: float) -> float:
    """Gives a temperature back if it is a finite number above 0.

    Raises:
        WorldModelError: It is not.
    """
    if not isinstance(temperature, Real) or not np.isfinite(temperature) or temperature <= 0:
        raise WorldModelError(f"temperature is {temperature!r}, expected a finite number above 0")
    return float(temperature)


def find_folder(name: str | Path) -> Path:
    """The folder of a world model, given as a folder or as the name of a pretrained one.

    A folder that holds no world model does not hide a pretrained one of its name.
    """
    folder = Path(name)
    shipped = sorted(path.parent.name for path in PRETRAINED.glob("*/world_model.json"))
    if str(name) in shipped and not (folder / "world_model.json").is_file():
        return PRETRAINED / str(name)
    if folder.is_dir():
        return folder
    raise WorldModelError(f"world model {str(name)!r} is neither a folder nor a pretrained name; shipped: {shipped}")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as an ``.npz`` file, whole or not at all."""
    write_npz(path, {"format_version": np.array(FORMAT_VERSION), **arrays})


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Reads named arrays as float32 from an ``.npz`` file, without pickle.

    Raises:
        WorldModelError: The file is missing, broken, of a later format, lacks an array, or holds NaN.
    """
    if not path.is_file():
        raise WorldModelError(f"{path} is missing; the world model is incomplete, train or copy it again")
    try:
        stored = read_npz(path)
        version = int(stored["format_version"])
        if version <= FORMAT_VERSION:
            arrays = {name: np.ascontiguousarray(stored[name], np.float32) for name in names}
    except (ValueError, TypeError, KeyError) as error:
        raise WorldModelError(f"{path} is broken or foreign ({error}); expected arrays {list(names)}") from error
    if version > FORMAT_VERSION:
        raise WorldModelError(f"{path} has format {version}, this dreamgym reads up to {FORMAT_VERSION}")
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise WorldModelError(f"{path} holds NaN or infinite numbers in {name!r}; its training went wrong")
    return arrays


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise WorldModelError(f"{path} is missing; {path.parent} is not a whole world model")
    try:
        description = json.loads(path.read_text())
        if description["format"] != "dreamgym world model":
            raise ValueError(f"its format is {description['format']!r}")
        version = int(description["version"])
        if version <= FORMAT_VERSION:
            for key, kind in (("task", str), ("action_space", dict), ("temperature", Real), ("details", dict)):
                if not isinstance(description[key], kind):
                    raise ValueError(f"{key} is {description[key]!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorldModelError(f"{path} is not a description of a world model ({error})") from error
    if version > FORMAT_VERSION:
        raise WorldModelError(f"{path} has format {version}, this dreamgym reads up to {FORMAT_VERSION}")
    return description
