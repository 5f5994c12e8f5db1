"""Arguments and reset options that the envs of a world model have in common."""

from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.errors import SettingsError
from dreamgym.world_model import WorldModel
from dreamgym.world_model_folder import check_temperature

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}


def check_render_mode(render_mode: str | None) -> str | None:
    """Returns the render mode if it is None or ``rgb_array``, else raises a SettingsError."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise SettingsError(f"render_mode is {render_mode!r}, expected None or 'rgb_array'")
    return render_mode


def warn_without_render_mode() -> None:
    """Warns as ``render`` of an env without a render mode does."""
    gym.logger.warn("render was called without a render mode; make the env with render_mode='rgb_array'", stacklevel=3)


def episode_steps(max_episode_steps: int | None, world_model: WorldModel) -> int:
    """Returns the env's steps after which an episode is truncated: those of the task's horizon if the argument is None.

    A step of the env lasts ``frame_skip`` steps of the game.
    """
    if max_episode_steps is None:
        return world_model.dream_steps()
    if not _is_whole(max_episode_steps) or max_episode_steps < 1:
        raise SettingsError(f"max_episode_steps is {max_episode_steps!r}, expected a whole number of at least 1")
    return int(max_episode_steps)


def dream_temperature(temperature: float | None, world_model: WorldModel) -> float:
    """Returns the temperature, checked: the world model's if the argument is None."""
    return check_temperature(world_model.temperature if temperature is None else temperature)


def start_and_temperature(
    options: dict[str, Any] | None, world_model: WorldModel, temperature: float
) -> tuple[int | None, float]:
    """Returns the reset options of a dream: the index of its start or None, and its temperature."""
    options = options or {}
    unknown = sorted(set(options) - {"start", "temperature"})
    if unknown:
        raise SettingsError(f"reset options {unknown} are unknown, expected 'start' or 'temperature'")
    start, n_starts = options.get("start"), len(world_model.starts)
    if start is not None and not (_is_whole(start) and 0 <= start < n_starts):
        raise SettingsError(f"option start is {start!r}, expected a whole number from 0 to {n_starts - 1}")
    return None if start is None else int(start), check_temperature(options.get("temperature", temperature))


def dream_state(state: Any, world_model: WorldModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the reset option ``state``, M's ``z``, ``h`` and ``c``, as float32 arrays."""
    expected = ((world_model.latent_size,), (world_model.hidden_size,), (world_model.hidden_size,))
    try:
        z, h, c = (np.asarray(part, np.float32) for part in state)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"option state is no (z, h, c) of numbers ({error})") from error
    if (z.shape, h.shape, c.shape) != expected:
        raise SettingsError(f"option state has shapes {(z.shape, h.shape, c.shape)}, expected {expected}")
    return z, h, c


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
