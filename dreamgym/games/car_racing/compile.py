"""Compiles the renderer's inner loops with numba. Compiled code releases the GIL and is cached on disk."""

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import gymnasium
import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, **options: Any) -> Function:
    """Returns a function that numba compiles on its first call, or ``function`` itself if ``NUMBA_DISABLE_JIT=1``.

    The machine code is cached in ``NUMBA_CACHE_DIR`` if that is set, else in ``__pycache__`` beside the source, else
    in the user's cache folder. If no folder is writable, a warning is issued and each process compiles the function.
    The function must not create arrays: reference counting is off, because it takes longer than the loops' arithmetic.
    """
    options = {"nogil": True, "error_model": "numpy", "_nrt": False, **options}
    try:
        jitted: Function = numba.njit(cache=True, **options)(function)
        # numba checks only the function's own file for changes, but the code includes functions of other modules.
        if (cache_file := getattr(getattr(jitted, "_cache", None), "_cache_file", None)) is not None:
            cache_file._source_stamp = (cache_file._source_stamp, _sources())
    except RuntimeError as error:
        if "cache" not in str(error):
            raise
        advice = "each process compiles it again, which takes some seconds. Set NUMBA_CACHE_DIR to a writable folder."
        message = f"The compiled car renderer cannot be cached ({error}), so {advice}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        jitted = numba.njit(**options)(function)
    return jitted


@cache
def _sources() -> str:
    """A digest of what the machine code depends on: this package's modules and the constants of Gymnasium's car."""
    digest = hashlib.sha256(gymnasium.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def inlined(function: Function) -> Function:
    """Like :func:`compiled`, but numba inlines the function: passing arrays in an inner loop costs time."""
    return compiled(function, inline="always")
