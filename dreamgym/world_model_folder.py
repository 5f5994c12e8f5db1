"""Where saved world models are found, and the JSON file that describes one."""

import json
from pathlib import Path
from typing import Any

from dreamgym.errors import WorldModelError
from dreamgym.running.checks import is_finite
from dreamgym.running.provenance import check_format

PRETRAINED = Path(__file__).parent / "pretrained"
FORMAT_NAME = "dreamgym world model"


def pretrained_names() -> list[str]:
    """The names of the world models that ship."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/world_model.json"))


def find_world_model(name: str | Path) -> Path:
    """The folder of a world model, given as a folder or as the name of a pretrained one.

    A folder that holds no world model does not hide a pretrained one of the same name.

    Raises:
        WorldModelError: There is neither.
    """
    folder = Path(name).expanduser()
    if str(name) in pretrained_names() and not (folder / "world_model.json").is_file():
        return PRETRAINED / str(name)
    if folder.is_dir():
        return folder
    raise WorldModelError(
        f"world model {str(name)!r} is neither a folder nor a pretrained name; pretrained: {pretrained_names()}"
    )


def read_description(path: Path) -> dict[str, Any]:
    """The content of a ``world_model.json``."""
    if not path.is_file():
        raise WorldModelError(f"{path} is missing; {path.parent} is not a whole world model")
    try:
        description = json.loads(path.read_text())
        if description["format"] != FORMAT_NAME:
            raise ValueError(f"its format is {description['format']!r}")
        check_format("world model", description["version"])
        for key, kind in (("task", str), ("action_space", dict), ("details", dict)):
            if not isinstance(description[key], kind):
                raise ValueError(f"{key} is {description[key]!r}")
        description["temperature"]  # checked by whoever uses it
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorldModelError(f"{path} is not a description of a world model ({error})") from error
    return description


def check_frame_skip(frame_skip: Any) -> int:
    """Returns a frame skip if it is a whole number of at least 1, else raises a WorldModelError."""
    if not isinstance(frame_skip, int) or isinstance(frame_skip, bool) or frame_skip < 1:
        raise WorldModelError(f"frame_skip is {frame_skip!r}, expected a whole number of at least 1")
    return frame_skip


def check_temperature(temperature: Any) -> float:
    """Returns a temperature if it is a finite number above 0, else raises a WorldModelError."""
    if not is_finite(temperature) or temperature <= 0:
        raise WorldModelError(f"temperature is {temperature!r}, expected a finite number above 0")
    return float(temperature)
