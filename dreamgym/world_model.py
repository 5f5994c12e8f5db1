"""A world model: a task, V, M and starts, saved as one folder. Loading a folder never runs code from it."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import TaskError, WorldModelError
from dreamgym.models import vision_numpy
from dreamgym.models.arrays import check_shapes, load_memory, load_vision, read_arrays, write_arrays
from dreamgym.models.dynamics import LATENT_BOUND, MemoryArrays
from dreamgym.running.files import write_whole
from dreamgym.running.provenance import FORMATS, differences
from dreamgym.tasks import FRAME_SIZE, Task, get_task
from dreamgym.world_model_folder import (
    FORMAT_NAME,
    check_frame_skip,
    check_temperature,
    find_world_model,
    read_description,
)

_FRAME_SHAPE = (FRAME_SIZE, FRAME_SIZE, 3)
_SMALL_BATCH = 8  # up to here NumPy is faster than a call into TensorFlow, and does not load it


@dataclass(frozen=True, eq=False)
class Starts:
    """Short real sequences that dreams begin with, so that M's state is warm. S sequences of L steps, float32.

    ``h`` and ``c`` are the states that M had when it came to them; both are None in files of earlier versions, and then
    M comes with a state of zeros.
    """

    mu: np.ndarray  # (S, L + 1, Z)
    logvar: np.ndarray  # (S, L + 1, Z)
    action: np.ndarray  # coded, (S, L, A)
    h: np.ndarray | None = None  # (S, H)
    c: np.ndarray | None = None  # (S, H)

    def __len__(self) -> int:
        return len(self.mu)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def chosen(self, indices: np.ndarray) -> "Starts":
        """The starts with these indices."""
        return Starts(**{name: array[indices] for name, array in self.arrays().items()})


@dataclass(frozen=True, eq=False)
class WorldModel:
    """V, M and starts of a task.

    Raises:
        WorldModelError: The parts do not fit each other, or the temperature is not a finite number above 0.
    """

    task: Task
    codec: ActionCodec  # of the game's actions
    vision: Mapping[str, np.ndarray]  # V's arrays, see :func:`dreamgym.models.vision_numpy.array_shapes`
    memory: MemoryArrays
    starts: Starts
    temperature: float = 1.0  # of its dreams, unless told otherwise
    frame_skip: int = 1  # steps of the game that one step of M stands for
    render_fps: float = 50.0  # pictures per second of its dreams
    details: Mapping[str, Any] = field(default_factory=dict)  # plain JSON data about how it was made

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        check_frame_skip(self.frame_skip)
        check_shapes(self.vision, self.memory, self.starts.arrays(), self.codec.size)

    @property
    def latent_size(self) -> int:
        """Z."""
        return self.starts.mu.shape[-1]

    @property
    def hidden_size(self) -> int:
        """H, M's LSTM units."""
        return self.memory.recurrent_kernel.shape[0]

    @property
    def step_cost(self) -> float:
        """What a dream pays for one of its steps, beside the targets."""
        return self.task.step_cost * self.frame_skip

    def dream_steps(self, game_steps: int | None = None) -> int:
        """Steps of a dream that take as long as so many of the game; the task's horizon if None."""
        return -(-(game_steps or self.task.horizon) // self.frame_skip)

    @property
    def observation_size(self) -> int:
        """O, the length of an observation: ``[z, h]``, or ``[z, h, c]`` where the task observes M's cell state."""
        return self.latent_size + self.hidden_size * (1 + self.task.observes_cell)

    def observation(self, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> np.ndarray:
        """An observation ``(..., O)``, a new array, of ``z`` ``(..., Z)`` and M's state ``h, c`` ``(..., H)``."""
        return np.concatenate([z, h, c] if self.task.observes_cell else [z, h], axis=-1)

    @property
    def n_mixtures(self) -> int:
        """K, Gaussians per latent dimension."""
        return (self.memory.head_bias.shape[0] - 2) // (3 * self.latent_size)

    @property
    def action_space(self) -> gym.Space:
        """A new space equal to the game's own."""
        return self.codec.new_space()

    @property
    def observation_space(self) -> gym.spaces.Box:
        """The Box of observations, the same in the dream and in the latent real env. A cell state has no bounds."""
        z, h = np.full(self.latent_size, LATENT_BOUND), np.ones(self.hidden_size)
        high = self.observation(z, h, np.full(self.hidden_size, np.inf)).astype(np.float32)
        return gym.spaces.Box(-high, high, dtype=np.float32)

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """V's posterior over latents, ``mu`` and ``logvar``, float32 ``(Z,)`` or ``(n, Z)``.

        Raises:
            WorldModelError: The frames are not uint8 ``(64, 64, 3)`` or ``(n, 64, 64, 3)``.
        """
        frames = np.asarray(frames)
        if frames.dtype != np.uint8 or frames.shape[-3:] != _FRAME_SHAPE or frames.ndim not in (3, 4):
            raise WorldModelError(
                f"frames are {frames.dtype} of shape {frames.shape}, expected uint8 (n, 64, 64, 3) or (64, 64, 3)"
            )
        batch = frames.reshape(-1, *_FRAME_SHAPE)
        if len(batch) <= _SMALL_BATCH:
            mu, logvar = vision_numpy.encode(self.vision, batch)
        else:
            mu, logvar = self._batch_vision.encode(batch)
        shape = (*frames.shape[:-3], self.latent_size)
        return mu.reshape(shape), logvar.reshape(shape)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The frames of latents: uint8, ``(64, 64, 3)`` or ``(n, 64, 64, 3)``.

        Raises:
            WorldModelError: ``z`` is neither ``(Z,)`` nor ``(n, Z)``.
        """
        z = np.asarray(z, np.float32)
        if z.ndim not in (1, 2) or z.shape[-1] != self.latent_size:
            raise WorldModelError(f"z has shape {z.shape}, expected (n, {self.latent_size}) or ({self.latent_size},)")
        batch = z.reshape(-1, self.latent_size)
        if len(batch) <= _SMALL_BATCH:
            frames = vision_numpy.decode(self.vision, batch)
        else:
            frames = self._batch_vision.decode(batch)
        return frames.reshape(*z.shape[:-1], *_FRAME_SHAPE)

    @cached_property
    def _batch_vision(self) -> Any:
        from dreamgym.models.vision import BatchVision

        return BatchVision(self.vision)

    def __getstate__(self) -> dict[str, Any]:
        # Without ``_batch_vision``: TensorFlow's functions cannot be copied or pickled.
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def replace(self, **changes: Any) -> "WorldModel":
        """A copy with some attributes changed. The states in the starts are those of one M, and go with it."""
        if "memory" in changes and "starts" not in changes:
            changes["starts"] = dataclasses.replace(self.starts, h=None, c=None)
        return dataclasses.replace(self, **changes)

    def save(self, folder: str | Path, *, compact: bool = False, half: bool = False) -> Path:
        """Writes the world model into a folder, each file whole or not at all, and returns the folder.

        ``compact`` compresses the files, and keeps V and the starts as float16. That is less than half the size; a
        latent changes in its fourth digit. ``half`` keeps M as float16, too: its dreams part from those of M as it is
        within some fifty steps, so what was measured before does not hold to the last digit.

        Raises:
            WorldModelError: ``details`` is not plain JSON data.
        """
        folder = Path(folder).expanduser()
        description = {
            "format": FORMAT_NAME,
            "version": FORMATS["world model"],
            "task": self.task.name,
            "definition": self.task.dream_definition,
            "action_space": self.codec.to_json(),
            "temperature": float(self.temperature),
            "frame_skip": self.frame_skip,
            "render_fps": self.render_fps,
            "details": dict(self.details),
        }
        try:
            content = json.dumps(description, indent=2).encode()
        except (TypeError, ValueError) as error:
            raise WorldModelError(f"details {self.details!r} must be plain JSON data ({error})") from error
        # A save over an older world model that is cut short must not leave V of one and M of the other.
        (folder / "world_model.json").unlink(missing_ok=True)
        parts = {"vision": self.vision, "memory": self.memory._asdict(), "starts": self.starts.arrays()}
        for name, arrays in parts.items():
            small = half if name == "memory" else compact
            dtype = np.float16 if small else np.float32
            stored = {key: array.astype(dtype) for key, array in arrays.items()}
            write_arrays(folder / f"{name}.npz", stored, compressed=compact)
        write_whole(folder / "world_model.json", content)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "WorldModel":
        """Loads a world model from a folder, or a pretrained one by its name. Needs no TensorFlow.

        Raises:
            WorldModelError: The folder is missing or incomplete, or its parts do not fit each other.
            TaskError: Its task is not registered.
        """
        folder = find_world_model(folder)
        description_path = folder / "world_model.json"
        description = read_description(description_path)
        try:
            task = get_task(description["task"])
        except TaskError as error:
            raise TaskError(f"{description_path}: {error}") from error
        changes = differences(description.get("definition", task.dream_definition), task.dream_definition)
        if changes:
            raise WorldModelError(
                f"{description_path}: task {task.name!r} was another when this was trained ({', '.join(changes)}); "
                "take the change back, or train again"
            )
        try:
            codec = ActionCodec.from_json(description["action_space"])
            temperature = check_temperature(description["temperature"])
            frame_skip = check_frame_skip(description.get("frame_skip", 1))
            fps = float(description.get("render_fps", 50.0))
        except (TaskError, WorldModelError, ValueError, TypeError) as error:
            raise WorldModelError(f"{description_path}: {error}") from error
        vision, memory = load_vision(folder / "vision.npz"), load_memory(folder / "memory.npz")
        starts = Starts(**read_arrays(folder / "starts.npz", ("mu", "logvar", "action"), optional=("h", "c")))
        try:
            return cls(task, codec, vision, memory, starts, temperature, frame_skip, fps, description["details"])
        except WorldModelError as error:
            raise WorldModelError(f"{folder}: {error}") from error
