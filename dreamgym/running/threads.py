"""How many threads NumPy's matrix products use."""

from functools import lru_cache
from typing import Any


class one_thread:  # noqa: N801 - read as a phrase: with one_thread()
    """Keeps NumPy's matrix products on this thread; entering and leaving costs 2 microseconds.

    A few dreams' products are too small to share out: the threads that OpenBLAS wakes for them gain nothing on
    an idle machine and cost a multiple on a busy one.
    """

    __slots__ = ("_changed",)

    def __enter__(self) -> None:
        self._changed = []
        for library in _libraries():
            before = library.get_num_threads()
            if before > 1:
                library.set_num_threads(1)
                self._changed.append((library, before))

    def __exit__(self, *error: object) -> None:
        for library, before in self._changed:
            library.set_num_threads(before)


@lru_cache(maxsize=1)
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
