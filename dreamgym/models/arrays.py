"""Reads and writes the weights of V and M as ``.npz`` files of named arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dreamgym.errors import WorldModelError
from dreamgym.models.dynamics import MemoryArrays
from dreamgym.models.vision_numpy import array_shapes
from dreamgym.running.files import read_npz, write_npz
from dreamgym.running.provenance import FORMATS, check_format


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays and the format version as an ``.npz`` file, which is replaced atomically."""
    write_npz(path, {"format_version": np.array(FORMATS["world model"]), **arrays})


def read_arrays(path: Path, names: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Reads named arrays as float32, without pickle, and the optional ones that are there.

    A bad file, NaN or infinity raises WorldModelError.
    """
    if not path.is_file():
        raise WorldModelError(f"{path} is missing; the world model is incomplete, train or copy it again")
    try:
        stored = read_npz(path)
        check_format("world model", stored["format_version"])
        wanted = (*names, *(name for name in optional if name in stored))
        arrays = {name: np.ascontiguousarray(stored[name], np.float32) for name in wanted}
    except (ValueError, TypeError, KeyError) as error:
        raise WorldModelError(
            f"{path} is broken or foreign ({error}); expected an .npz file with arrays {list(names)}, make it again"
        ) from error
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise WorldModelError(f"{path} holds NaN or infinite numbers in {name!r}; its training failed, train again")
    return arrays


def load_vision(path: Path) -> dict[str, np.ndarray]:
    """Reads V's arrays from ``vision.npz``. Errors are those of :func:`read_arrays`."""
    return read_arrays(path, tuple(array_shapes(1)))


def load_memory(path: Path) -> MemoryArrays:
    """Reads M's arrays from ``memory.npz``. Errors are those of :func:`read_arrays`."""
    return MemoryArrays(**read_arrays(path, MemoryArrays._fields))
