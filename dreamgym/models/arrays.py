"""Reads and writes the weights of V and M as ``.npz`` files of named arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dreamgym.errors import WorldModelError
from dreamgym.models.dynamics import MemoryArrays
from dreamgym.models.vision_numpy import array_shapes
from dreamgym.running.files import read_npz, write_npz
from dreamgym.running.provenance import FORMATS, check_format


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> None:
    """Writes named arrays and the format version as an ``.npz`` file, which is replaced atomically."""
    write_npz(path, {"format_version": np.array(FORMATS["world model"]), **arrays}, compressed=compressed)


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


def check_shapes(
    vision: Mapping[str, np.ndarray], memory: MemoryArrays, starts: Mapping[str, np.ndarray], n_actions: int
) -> None:
    """Raises a WorldModelError if the arrays of V, M and the starts do not fit each other and A action numbers."""
    mu = starts["mu"]
    if mu.ndim != 3 or len(mu) == 0:
        raise WorldModelError(f"starts.mu has shape {mu.shape}, expected (starts, steps + 1, Z)")
    n, steps, z = mu.shape
    hidden, n_heads = memory.recurrent_kernel.shape[-1] // 4, memory.head_bias.shape[-1]
    expected: dict[str, tuple[int, ...]] = {
        "memory.kernel": (z + n_actions, 4 * hidden),
        "memory.recurrent_kernel": (hidden, 4 * hidden),
        "memory.bias": (4 * hidden,),
        "memory.head_kernel": (hidden, n_heads),
        "memory.head_bias": (n_heads,),
        "starts.logvar": (n, steps, z),
        "starts.action": (n, steps - 1, n_actions),
    }
    expected |= {f"starts.{name}": (n, hidden) for name in ("h", "c") if name in starts}
    expected |= {f"vision.{name}": shape for name, shape in array_shapes(z).items()}
    parts = {"memory": memory._asdict(), "starts": starts, "vision": vision}
    found = {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
    for name, shape in expected.items():
        if name not in found:
            raise WorldModelError(f"{name} is missing; V needs {list(array_shapes(z))}")
        if found[name].shape != shape:
            raise WorldModelError(
                f"{name} has shape {found[name].shape}, expected {shape} for {z} latents, "
                f"{hidden} units and {n_actions} action numbers; are all parts of the same training?"
            )
    if (n_heads - 2) % (3 * z) or n_heads <= 2:
        raise WorldModelError(f"memory.head_bias has {n_heads} numbers, expected 3 x mixtures x {z} + 2")


def load_vision(path: Path) -> dict[str, np.ndarray]:
    """Reads V's arrays from ``vision.npz``. Errors are those of :func:`read_arrays`."""
    return read_arrays(path, tuple(array_shapes(1)))


def load_memory(path: Path) -> MemoryArrays:
    """Reads M's arrays from ``memory.npz``. Errors are those of :func:`read_arrays`."""
    return MemoryArrays(**read_arrays(path, MemoryArrays._fields))
