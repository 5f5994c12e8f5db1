"""Compiles the car renderer's inner loops: without the GIL, and cached on disk where that is possible."""

import hashlib
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import gymnasium
import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, **more: Any) -> Function:
    """Compiles a function with numba when it is first called.

    The machine code is kept where numba keeps it: in `NUMBA_CACHE_DIR` if that is set, else next to the
    source, else in the user's cache folder. Where none of these can be written to, the function is compiled
    anew in every process and a warning says what to set.

    Args:
        function: Loops over NumPy arrays and numbers. It cannot make arrays: counting references to arrays, which
            that needs, would cost the loops more than their arithmetic.
        more: Further options of `numba.njit`.

    Returns:
        The compiled function, or `function` itself where `NUMBA_DISABLE_JIT=1` switches compilation off.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, **more}
    try:
        jitted: Function = numba.njit(cache=True, **options)(function)
        # numba compares the function's own file only, but its code holds those of other modules that it calls.
        if (kept := getattr(getattr(jitted, "_cache", None), "_cache_file", None)) is not None:
            kept._source_stamp = (kept._source_stamp, _sources())
    except RuntimeError as error:
        if "cache" not in str(error):
            raise
        warnings.warn(
            f"No folder can be written to for the compiled car renderer, so every process compiles it anew, "
            f"which takes some seconds. Set NUMBA_CACHE_DIR to a writable folder ({os.path.basename(__file__)}: "
            f"{error}).",
            RuntimeWarning,
            stacklevel=2,
        )
        jitted = numba.njit(**options)(function)
    return jitted


@cache
def _sources() -> str:
    """A digest of all that compiled code is made of: the renderer's modules, and gymnasium's measures of the car."""
    digest = hashlib.sha256(gymnasium.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("car_*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def inlined(function: Function) -> Function:
    """Like `compiled`, for a part of an inner loop: becomes a part of its callers, as handing on arrays costs time."""
    return compiled(function, inline="always")
