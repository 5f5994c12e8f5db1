"""How many threads NumPy's matrix products use."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps NumPy's matrix products on this thread; entering and leaving costs 2 microseconds.

    A few dreams' products are too small to share out: the threads that OpenBLAS wakes for them gain nothing on
    an idle machine and cost a multiple on a busy one.
    """
    changed = []
    for library in _libraries():
        before = library.get_num_threads()
        if before > 1:
            library.set_num_threads(1)
            changed.append((library, before))
    try:
        yield
    finally:
        for library, before in changed:
            library.set_num_threads(before)


@lru_cache(maxsize=1)
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
