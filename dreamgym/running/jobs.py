"""Executors: run one function over many inputs on worker processes, with deadlines, retries and error reports.

A worker is a spawned process with its own pipe, served by a thread of the parent. Workers share nothing. A worker that
is killed, is stopped or hangs costs one attempt at one job, even while it sends its result.
"""

import multiprocessing.process
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from dreamgym.errors import JobError, SettingsError
from dreamgym.running.worker import Answer, Worker, WorkerStartError, call

_AHEAD = 4  # queued jobs per worker
MAIN_GUARD = (
    "workers import the script that starts them; put its calls to dreamgym under `if __name__ == '__main__':`, "
    "or pass workers=0"
)


@dataclass(frozen=True)
class JobResult:
    """The outcome of one job."""

    index: int  # the input's position
    input: Any  # the input
    value: Any  # the function's return value; None if the job failed
    error: str | None  # why the job failed, in one line; None if it succeeded
    attempts: int  # the number of tries
    seconds: float  # the duration of the last try


class Executor(Protocol):
    """Where jobs run. A job is plain data and a function that can be imported by name."""

    @property
    def workers(self) -> int:
        """The number of jobs that are done at a time; 0 if this process does them."""

    @property
    def elsewhere(self) -> bool:
        """Whether jobs may run on other machines. Asking does not connect to them."""

    @property
    def whole_machines(self) -> "Executor | None":
        """An executor whose jobs have all cores of a machine; None where this machine is the only one."""

    def run(
        self, function: Callable[[Any], Any], inputs: Sequence[Any], *, deadline: float, retries: int = 1
    ) -> Iterator[JobResult]:
        """Calls a function with every input and yields the results as they come.

        A job that raises, misses the deadline or loses its worker is tried again. After its last attempt it is
        reported with its error, and the run goes on. The function, and the classes of its inputs and return values,
        must be importable by name. ``deadline`` is in seconds per attempt.
        """

    def close(self) -> None:
        """Ends the workers."""


def default_workers() -> int:
    """The number of CPU cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every platform can tell
        return os.cpu_count() or 1


@contextmanager
def as_executor(workers: int | Executor | None) -> Iterator[Executor]:
    """The executor itself, or a local one with that many workers that is closed with the context."""
    if workers is None or isinstance(workers, int):
        with LocalExecutor(workers) as executor:
            yield executor
    else:
        yield workers


class LocalExecutor:
    """Runs jobs on worker processes of this machine, all cores by default, and keeps the workers between calls.

    A run that is broken off, for example by Ctrl-C, ends all workers. 0 workers run jobs in this process, without a
    deadline. A negative number raises a SettingsError.
    """

    elsewhere = False
    whole_machines = None

    def __init__(self, workers: int | None = None):
        self.workers = default_workers() if workers is None else workers
        if self.workers < 0:
            raise SettingsError(f"workers is {workers}, expected 1 or more, or 0 for this process")
        self._pool: _Pool | None = None

    def __enter__(self) -> "LocalExecutor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(
        self, function: Callable[[Any], Any], inputs: Sequence[Any], *, deadline: float, retries: int = 1
    ) -> Iterator[JobResult]:
        """See :class:`Executor`."""
        if self.workers == 0:
            for index, value in enumerate(inputs):
                yield _try(index, value, retries, partial(call, function))
            return
        if getattr(multiprocessing.process.current_process(), "_inheriting", False):
            raise JobError(MAIN_GUARD)  # this process is itself a worker that is being started
        if self._pool is None:
            self._pool = _Pool(self.workers)
        try:
            yield from self._pool.run(_Run(function, deadline, retries), inputs)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the workers, idle or not. The executor can be used again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


@dataclass(eq=False)
class _Run:
    """One call of ``run``: how its jobs are done, and where their results go."""

    function: Callable[[Any], Any]
    deadline: float
    retries: int
    results: queue.SimpleQueue[JobResult] = field(default_factory=queue.SimpleQueue)


_Job = tuple[_Run, int, Any]


class _Pool:
    """Threads that each serve one worker process."""

    def __init__(self, workers: int):
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.closed, self.start_error = False, ""
        self.workers = [Worker() for _ in range(workers)]
        self.threads = [threading.Thread(target=self._serve, args=(worker,), daemon=True) for worker in self.workers]
        for thread in self.threads:
            thread.start()

    def run(self, run: _Run, inputs: Sequence[Any]) -> Iterator[JobResult]:
        # Few jobs are queued at a time, so that their results do not pile up where the caller is slow.
        waiting = iter((run, index, value) for index, value in enumerate(inputs))
        for _, first in zip(range(_AHEAD * len(self.workers)), waiting, strict=False):
            self.jobs.put(first)
        for _ in range(len(inputs)):
            result = run.results.get()
            if (job := next(waiting, None)) is not None:
                self.jobs.put(job)
            yield result

    def _serve(self, worker: Worker) -> None:
        while (job := self.jobs.get()) is not None and not self.closed:
            run, index, value = job
            run.results.put(_try(index, value, run.retries, partial(self._attempt, worker, run)))

    def _attempt(self, worker: Worker, run: _Run, value: Any) -> Answer:
        if self.start_error and not worker.started:
            raise WorkerStartError(self.start_error)
        try:
            return worker.attempt(run.function, value, run.deadline)
        except WorkerStartError as error:
            if not any(other.started for other in self.workers):
                self.start_error = str(error)  # no worker can start here; do not try for every job
            raise

    def close(self) -> None:
        self.closed = True
        for worker in self.workers:
            worker.close()
        for _ in self.threads:
            self.jobs.put(None)
        for thread in self.threads:
            thread.join()
        for worker in self.workers:
            worker.forget()


def _try(index: int, value: Any, retries: int, attempt: Callable[[Any], Answer]) -> JobResult:
    attempts, error, result = 0, None, None
    while attempts == 0 or (error is not None and attempts <= retries):
        attempts += 1
        begin = time.perf_counter()
        try:
            error, result = attempt(value)
        except WorkerStartError as failure:
            error, retries = str(failure), 0
    return JobResult(index, value, result, error, attempts, time.perf_counter() - begin)
