"""A function over many inputs on many workers, with deadlines, retries and reports.

Each worker is a spawned process with a pipe of its own, served by a thread here. Nothing is shared between
workers, so one that is killed, stopped or hangs at any moment, also in the middle of sending its result, costs
one attempt at one job and nothing else.
"""

import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from dreamgym.errors import JobError

START_LIMIT = 120.0  # seconds that a worker may take to start: imports on a slow disk and a busy machine
_AHEAD, _LAST_WORDS = 4, 5.0  # jobs a worker handed out ahead; seconds


@dataclass(frozen=True)
class JobResult:
    """How a job went.

    Attributes:
        index: The input's place among the inputs.
        input: The input.
        value: What the function gave back; None if it failed.
        error: Why it failed, in one line; None if it did not.
        attempts: How often it was tried.
        seconds: What the last attempt took.
    """

    index: int
    input: Any
    value: Any
    error: str | None
    attempts: int
    seconds: float


def default_workers() -> int:
    """The number of CPU cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every platform can tell
        return os.cpu_count() or 1


def run_jobs(
    function: Callable[[Any], Any],
    inputs: Sequence[Any],
    *,
    workers: int,
    deadline: float,
    retries: int = 1,
    initializer: Callable[..., Any] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[JobResult]:
    """Calls a function with every input and yields the results as they come.

    A job whose worker dies, or that is not done within the deadline, or that raises, is tried again in a
    fresh or the same worker; after its last attempt it is reported with its error, and the run goes on. No
    more than a few jobs a worker are under way at any time, so ten thousand values do not pile up. However
    the iteration ends, by Ctrl-C too, no worker is left running.

    Args:
        function: Importable by name, and so are the classes of its inputs and values.
        inputs: One a job.
        workers: Processes. 0 calls the function in this one, with retries but without a deadline.
        deadline: Seconds from the start of a job to the end of its worker.
        retries: How often a failed job is tried again.
        initializer: Called once in every worker as it starts.
        initargs: What it is called with.

    Raises:
        JobError: ``workers`` is negative.
    """
    if workers < 0:
        raise JobError(f"workers is {workers}, expected 1 or more, or 0 for this process")
    if workers == 0:
        yield from _run_here(function, inputs, retries, initializer, initargs)
        return
    pool = _Pool(function, min(workers, max(len(inputs), 1)), deadline, retries, initializer, initargs)
    try:
        yield from pool.run(inputs)
    finally:
        pool.close()


def _run_here(
    function: Callable[[Any], Any],
    inputs: Sequence[Any],
    retries: int,
    initializer: Callable[..., Any] | None,
    initargs: tuple[Any, ...],
) -> Iterator[JobResult]:
    if initializer is not None:
        initializer(*initargs)
    for index, value in enumerate(inputs):
        yield _try(index, value, retries, lambda value: _call(function, value))


def _try(index: int, value: Any, retries: int, attempt: Callable[[Any], tuple[str | None, Any]]) -> JobResult:
    attempts, error, result = 0, None, None
    while attempts == 0 or (error is not None and attempts <= retries):
        attempts += 1
        begin = time.perf_counter()
        error, result = attempt(value)
    return JobResult(index, value, result, error, attempts, time.perf_counter() - begin)


def _call(function: Callable[[Any], Any], value: Any) -> tuple[str | None, Any]:
    try:
        return None, function(value)
    except Exception as error:
        return _describe(error), None


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


class _Pool:
    """Threads that each serve one worker process."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        workers: int,
        deadline: float,
        retries: int,
        initializer: Callable[..., Any] | None,
        initargs: tuple[Any, ...],
    ):
        self.program = (function, initializer, initargs)
        self.deadline, self.retries = deadline, retries
        self.jobs: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
        self.results: queue.SimpleQueue[JobResult] = queue.SimpleQueue()
        self.lock, self.closed = threading.Lock(), False
        self.workers = [_Worker(self) for _ in range(workers)]
        self.threads = [threading.Thread(target=self._serve, args=(worker,), daemon=True) for worker in self.workers]

    def run(self, inputs: Sequence[Any]) -> Iterator[JobResult]:
        for thread in self.threads:
            thread.start()
        waiting = iter(enumerate(inputs))
        for _ in range(_AHEAD * len(self.workers)):
            self.jobs.put(next(waiting, None))
        for _ in range(len(inputs)):
            result = self.results.get()
            self.jobs.put(next(waiting, None))
            yield result
        for thread in self.threads:
            self.jobs.put(None)
            thread.join()

    def _serve(self, worker: "_Worker") -> None:
        while (job := self.jobs.get()) is not None:
            result = _try(*job, self.retries, worker.attempt)
            if self.closed:
                return
            self.results.put(result)
        worker.dismiss()

    def close(self) -> None:
        with self.lock:
            self.closed = True
        for worker in self.workers:
            worker.kill()
        for thread in self.threads:
            self.jobs.put(None)
            if thread.ident is not None:
                thread.join()
        for worker in self.workers:
            worker.forget()


class _Worker:
    """One worker process, started when there is a job for it and replaced when it has died."""

    def __init__(self, pool: _Pool):
        self.pool = pool
        self.process: Any = None
        self.pipe: Connection | None = None
        self.late = False

    def attempt(self, value: Any) -> tuple[str | None, Any]:
        """The error and the value of one attempt."""
        try:
            message = pickle.dumps(value)
        except Exception as error:
            return f"the input cannot be sent to a worker ({_describe(error)})", None
        if self.pipe is None:
            problem = self._start()
            if problem is not None:
                return problem, None
        return self._ask(message, self.pool.deadline, f"the job did not end within {self.pool.deadline:g} s")

    def _start(self) -> str | None:
        context = multiprocessing.get_context("spawn")
        with self.pool.lock:
            if self.pool.closed:
                return "the run was ended"
            self.pipe, other = context.Pipe()
            self.process = context.Process(target=_work, args=(other, *self.pool.program), daemon=True)
            self.process.start()
            other.close()
        return self._ask(None, START_LIMIT, f"a worker did not start within {START_LIMIT:g} s")[0]

    def _ask(self, message: bytes | None, limit: float, when_late: str) -> tuple[str | None, Any]:
        """Sends a message and waits for the answer; a worker that gives none is ended."""
        assert self.pipe is not None
        watchdog = threading.Timer(limit, self._expire)
        watchdog.daemon = True
        watchdog.start()
        answer: tuple[str | None, Any] | None
        try:
            if message is not None:
                self.pipe.send_bytes(message)
            answer = pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            answer = None
        except Exception as error:
            answer = (f"the worker's answer cannot be read ({_describe(error)})", None)
        watchdog.cancel()
        watchdog.join()
        if answer is None or self.late:
            reason = when_late if self.late else f"the worker died ({self._exit_code()})"
            self.kill()
            self.forget()
            return answer or (reason, None)
        if message is None and answer[0] is not None:  # its initializer failed
            self.kill()
            self.forget()
        return answer

    def _expire(self) -> None:
        self.late = True
        self.kill()

    def _exit_code(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"

    def kill(self) -> None:
        with self.pool.lock:
            if self.process is not None:
                self.process.kill()  # nothing less ends a stopped process, and a worker has nothing to tidy up

    def dismiss(self) -> None:
        """Lets the worker end by itself; one that does not within seconds is killed."""
        if self.pipe is not None:
            self.pipe.close()
            self.process.join(_LAST_WORDS)
            self.kill()
            self.forget()

    def forget(self) -> None:
        with self.pool.lock:
            process, self.process = self.process, None
        if process is not None:
            process.join()
            process.close()
        if self.pipe is not None:
            self.pipe.close()
        self.pipe, self.late = None, False


def _work(
    pipe: Connection, function: Callable[[Any], Any], initializer: Callable[..., Any] | None, initargs: tuple[Any, ...]
) -> None:
    """The life of a worker."""
    import threadpoolctl

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpoolctl.threadpool_limits(1)
    error = None if initializer is None else _call(lambda _: initializer(*initargs), None)[0]
    pipe.send((error, None))
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        _answer(pipe, _call(lambda text: function(pickle.loads(text)), message))


def _answer(pipe: Connection, answer: tuple[str | None, Any]) -> None:
    try:
        message = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        message = pickle.dumps((f"the value cannot be sent back ({_describe(error)})", None))
    pipe.send_bytes(message)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
