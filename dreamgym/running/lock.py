"""A lock on a folder: one command at a time works in it. The lock ends with its process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dreamgym.errors import ExperimentError

LOCK_FILE, HOLDER_FILE = ".lock", ".lock-holder"


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Locks a folder, made if it is missing, or raises an ExperimentError if another process holds the lock."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ExperimentError(
            f"another command is at work in {folder} (process {_holder(folder)}); wait for it or stop it"
        ) from error
    try:
        (folder / HOLDER_FILE).write_text(str(os.getpid()))
        yield
    finally:
        (folder / HOLDER_FILE).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return (folder / HOLDER_FILE).read_text() or "unknown"
    except OSError:
        return "unknown"
