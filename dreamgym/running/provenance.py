"""What a saved thing was made with: format versions, package versions, hashes, and comparisons of settings."""

import ast
import dataclasses
import hashlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
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
    before, after = (dict(flatten(json.loads(json.dumps(dict(settings))))) for settings in (old, new))
    missing = "nothing"
    return [
        f"{key}: {before.get(key, missing)!r} became {after.get(key, missing)!r}"
        for key in sorted({*before, *after})
        if before.get(key, missing) != after.get(key, missing)
    ]


def plain_data(value: Any) -> Any:
    """A value as plain JSON data that is the same in another process. A function is its name and a hash of its source.

    The hash does not depend on comments and layout. Where there is no source, the name alone counts. The fields of a
    dataclass are those of :func:`counted_fields`.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain_data(getattr(value, name)) for name in counted_fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if callable(value):
        return f"{getattr(value, '__qualname__', type(value).__qualname__)} {_source_hash(value)}".strip()
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def later_field(default: Any) -> Any:
    """A dataclass field that an earlier release did not have. Where it has its default, it counts as not there."""
    return dataclasses.field(default=default, metadata={"later": True})


def counted_fields(value: Any) -> list[str]:
    """The names of a dataclass's fields, without those of :func:`later_field` that have their defaults.

    So what earlier releases wrote equals what this one says of the same thing.
    """
    return [
        item.name
        for item in dataclasses.fields(value)
        if not (item.metadata.get("later") and getattr(value, item.name) == item.default)
    ]


def _source_hash(function: Any) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""
    try:
        source = ast.unparse(ast.parse(source))
    except SyntaxError:  # a lambda's source may begin in the middle of an expression
        source = "".join(source.split())
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def keep_settings(
    path: Path, settings: Mapping[str, Any], error: type[DreamGymError], advice: str, *, new: Sequence[str] = ()
) -> None:
    """Writes settings as JSON, or raises ``error`` if the file exists and is broken or has other settings.

    Settings in ``new`` may be missing in the file, because earlier versions did not write them.
    """
    if not path.exists():
        write_whole(path, json.dumps(dict(settings), indent=2).encode())
        return
    try:
        saved = json.loads(path.read_text())
        known = {name: value for name, value in settings.items() if name in saved or name not in new}
        changes = differences(saved, known)
    except (ValueError, TypeError, OSError) as broken:
        raise error(f"{path} is broken ({broken}); {advice}") from broken
    if changes:
        raise error(f"{path} was written with other settings ({', '.join(changes)}); {advice}")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The settings one by one, nested ones by their dotted name."""
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
