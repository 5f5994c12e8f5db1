"""One worker process: how the parent starts, asks and ends it, and what the process itself does."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

from dreamgym.errors import DreamGymError, describe

START_LIMIT = 120.0  # seconds that a worker may take to start: imports on a slow disk and a busy machine
Answer = tuple[str | None, Any]  # an error in one line, or None, and the value


class WorkerStartError(Exception):
    """A worker process cannot be started; trying again would not help."""


class Worker:
    """One worker process. It is started when there is a job for it, and replaced after its death.

    ``attempt`` is called by one thread; ``close`` may be called by another one at any time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None
        self._late = self._closed = False
        self.started = False  # whether this worker has ever answered

    def attempt(self, function: Callable[[Any], Any], value: Any, deadline: float) -> Answer:
        """One attempt at a job. Raises a WorkerStartError where the process cannot be started."""
        try:
            message = pickle.dumps((function, value))
        except DreamGymError as error:
            return str(error), None
        except Exception as error:
            return f"the input cannot be sent to a worker ({describe(error)})", None
        if self._pipe is None:
            self._start()
        return self._ask(message, deadline, f"the job did not end within {deadline:g} s")

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        with self._lock:
            if self._closed:
                raise WorkerStartError("the run was ended")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=work, args=(other,), daemon=True)
            try:
                with _main_that_workers_can_import():
                    self._process.start()
            except Exception as error:
                self._process, self._pipe = None, None
                first_line = describe(error).strip().splitlines()[0]
                raise WorkerStartError(f"a worker process cannot be started here: {first_line}") from error
            finally:
                other.close()
        problem = self._ask(None, START_LIMIT, f"a worker did not start within {START_LIMIT:g} s")[0]
        if problem is not None:
            hint = "" if self.started else "; does the script have a main guard, `if __name__ == '__main__':`?"
            raise WorkerStartError(f"a worker process did not start: {problem}{hint}")
        self.started = True

    def _ask(self, message: bytes | None, limit: float, when_late: str) -> Answer:
        """Sends a message and waits for the answer. A worker that gives none is ended."""
        assert self._pipe is not None
        watchdog = threading.Timer(limit, self._expire)
        watchdog.daemon = True
        watchdog.start()
        answer: Answer | None = None
        try:
            if message is not None:
                self._pipe.send_bytes(message)
            answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            pass  # the worker gives no answer: it is dead
        except Exception as error:
            answer = (f"the worker's answer cannot be read ({describe(error)})", None)
        watchdog.cancel()
        watchdog.join()
        if answer is None or self._late:
            reason = when_late if self._late else f"the worker died ({self._exit_code()})"
            self._kill()
            self.forget()
            return answer or (reason, None)
        return answer

    def _expire(self) -> None:
        self._late = True
        self._kill()

    def _exit_code(self) -> str:
        self._process.join(5)
        code = self._process.exitcode
        return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"

    def _kill(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()  # nothing less ends a stopped process

    def close(self) -> None:
        """Kills the process; no other one is started."""
        self._closed = True
        self._kill()

    def forget(self) -> None:
        """Frees what the parent holds of a dead process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.join()
            process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._pipe, self._late = None, False


@contextmanager
def _main_that_workers_can_import() -> Iterator[None]:
    """Hides the ``__file__`` of a main module that is no file, such as a script that Python reads from stdin.

    A spawned process runs that file first.
    """
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    hidden = path is not None and not os.path.exists(path)
    if hidden:
        del main.__file__
    try:
        yield
    finally:
        if hidden:
            main.__file__ = path


def call(function: Callable[[Any], Any], value: Any) -> Answer:
    """Calls a function and catches its error."""
    try:
        return None, function(value)
    except Exception as error:
        return describe(error), None


def work(pipe: Connection) -> None:
    """The worker process: answers one message after the other until the pipe is closed."""
    import threadpoolctl

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpoolctl.threadpool_limits(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for what a job loads later, such as PyTorch
    pipe.send((None, None))
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        pipe.send_bytes(_answer(message))


def _answer(message: bytes) -> bytes:
    answer = call(_call_unpickled, message)
    try:
        return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return pickle.dumps((f"the value cannot be sent back ({describe(error)})", None))


def _call_unpickled(message: bytes) -> Any:
    function, value = pickle.loads(message)
    return function(value)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
