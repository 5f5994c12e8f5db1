"""What a saved thing was made with: format versions, package versions, hashes, and comparisons of settings."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.errors import DreamGymError
from dreamgym.running.files import write_whole

FORMATS = {
    "checkpoint": 2,
    "collection": 1,
    "controller": 1,
    "episode": 1,
    "evaluation": 1,
    "experiment": 1,
    "latents": 1,
    "search": 2,
    "world model": 1,
}
"""The version in which this release writes each kind of file. Earlier versions are read or refused by name."""
PACKAGES = ("dreamgym", "gymnasium", "tensorflow", "keras", "numpy", "cma", "box2d", "pygame-ce", "numba")


def check_format(kind: str, version: Any) -> None:
    """Raises a ValueError if a file's format version is later than the one that this release writes."""
    if int(version) > FORMATS[kind]:
        raise ValueError(f"its format is {int(version)}, this dreamgym reads up to {FORMATS[kind]}")


def package_versions() -> dict[str, str]:
    """The versions of Python and of the installed packages that results depend on."""
    import importlib.metadata
    import platform

    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def hash_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """A hash of named arrays as float32. It depends on names, shapes and values, not on the file."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], np.float32)
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The settings that differ, nested ones by their dotted name, as ``rounds: 1 became 2``."""
    before, after = (dict(_flatten(json.loads(json.dumps(dict(settings))))) for settings in (old, new))
    missing = "nothing"
    return [
        f"{key}: {before.get(key, missing)!r} became {after.get(key, missing)!r}"
        for key in sorted({*before, *after})
        if before.get(key, missing) != after.get(key, missing)
    ]


def keep_settings(path: Path, settings: Mapping[str, Any], error: type[DreamGymError], advice: str) -> None:
    """Writes settings as JSON, or raises ``error`` if the file exists and is broken or has other settings."""
    if not path.exists():
        write_whole(path, json.dumps(dict(settings), indent=2).encode())
        return
    try:
        changes = differences(json.loads(path.read_text()), settings)
    except (ValueError, TypeError, OSError) as broken:
        raise error(f"{path} is broken ({broken}); {advice}") from broken
    if changes:
        raise error(f"{path} was written with other settings ({', '.join(changes)}); {advice}")


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
