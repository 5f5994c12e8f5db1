"""Threads: how many NumPy's matrix products use, and work that waits for others done on several at once."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
_AHEAD = 4  # items per thread that are taken before their turn


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


def in_order(work: Callable[[Item], Value], items: Iterable[Item], threads: int) -> Iterator[Value]:
    """Yields ``work(item)`` for every item, in order, done by several threads.

    The threads are daemons, unlike those of a ThreadPoolExecutor: one that waits for a server that does not answer does
    not hold up Ctrl-C.
    """
    jobs: queue.SimpleQueue[tuple[Future[Value], Item] | None] = queue.SimpleQueue()
    waiting: deque[Future[Value]] = deque()
    started: list[threading.Thread] = []
    try:
        for item in items:
            if len(started) < threads:
                started.append(threading.Thread(target=_serve, args=(work, jobs), daemon=True))
                started[-1].start()
            future: Future[Value] = Future()
            waiting.append(future)
            jobs.put((future, item))
            if len(waiting) >= _AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except KeyboardInterrupt:
        started.clear()
        raise
    finally:
        for left in waiting:
            left.cancel()
        for _ in range(threads):
            jobs.put(None)
        for thread in started:  # so that nothing is at work any more when this returns
            thread.join()


def _serve(work: Callable[[Item], Value], jobs: "queue.SimpleQueue[tuple[Future[Value], Item] | None]") -> None:
    while (job := jobs.get()) is not None:
        future, item = job
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work(item))
            except BaseException as error:
                future.set_exception(error)
