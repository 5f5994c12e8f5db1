"""Files that appear whole or not at all, and arrays read from them without pickle."""

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside its name and moves it into place, so that nobody ever sees half of it."""
    path = path.expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> None:
    """Writes named arrays as an ``.npz`` file, whole or not at all."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    write_whole(path, buffer.getvalue())


def write_figure(path: Path, figure: Any) -> None:
    """Writes a matplotlib figure as a PNG, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_whole(path, buffer.getvalue())


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file. A ValueError where it cannot be read, is broken or holds pickled objects."""
    try:
        # From memory, since NumPy leaves a file open that it does not understand.
        with np.load(io.BytesIO(path.expanduser().read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds between them on damaged bytes
        raise ValueError(f"{type(error).__name__}: {error}") from error
