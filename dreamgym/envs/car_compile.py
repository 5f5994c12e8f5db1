"""Compiles the car renderer's inner loops: without the GIL, and cached on disk where that is possible."""

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, **more: Any) -> Function:
    """Compiles a function with numba when it is first called.

    The machine code is kept where numba keeps it: in `NUMBA_CACHE_DIR` if that is set, else next to the
    source, else in the user's cache folder. Where none of these can be written to, the function is compiled
    anew in every process and a warning says what to set.

    Args:
        function: Loops over NumPy arrays and numbers.
        more: Further options of `numba.njit`.

    Returns:
        The compiled function, or `function` itself where `NUMBA_DISABLE_JIT=1` switches compilation off.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", **more}
    try:
        jitted: Function = numba.njit(cache=True, **options)(function)
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


def inlined(function: Function) -> Function:
    """Like `compiled`, for a part of an inner loop: becomes a part of its callers, as handing on arrays costs time."""
    return compiled(function, inline="always")
