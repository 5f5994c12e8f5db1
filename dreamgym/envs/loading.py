"""Loads the world model that an env's ``world_model`` argument names."""

from functools import lru_cache
from pathlib import Path

from dreamgym.errors import WorldModelError
from dreamgym.world_model import WorldModel
from dreamgym.world_model_folder import find_world_model, pretrained_names


def load_world_model(name: str | Path | None) -> WorldModel:
    """Loads a world model from a folder or by its pretrained name; None loads the first pretrained one.

    The last two world models are cached. A folder whose files changed is loaded again.
    """
    if name is not None and not isinstance(name, str | Path):
        raise WorldModelError(
            f"world_model is a {type(name).__name__}, expected a folder or a pretrained name; "
            "save a live world model with its save(folder) and pass the folder"
        )
    shipped = pretrained_names()
    if name is None and not shipped:
        raise WorldModelError("world_model is None and no pretrained one is installed; pass a world model's folder")
    path = find_world_model(shipped[0] if name is None else name)
    modified = tuple(file.stat().st_mtime_ns for file in sorted(path.iterdir()) if file.is_file())
    return _load(str(path), modified)


@lru_cache(maxsize=2)
def _load(folder: str, modified: tuple[int, ...]) -> WorldModel:
    return WorldModel.load(folder)
