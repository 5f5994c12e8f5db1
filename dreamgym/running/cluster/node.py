"""What runs on each node beside its workers. It travels by value: the node's dreamgym may be another one, or missing.

So this module imports the standard library only.
"""

import contextlib
import importlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any


def versions() -> dict[str, str | None]:
    """The versions that have to be the same everywhere. ``dreamgym`` is None where there is none."""
    try:
        version = str(importlib.import_module("dreamgym").__version__)
    except (ImportError, AttributeError):
        version = None
    return {"dreamgym": version, "Python": ".".join(map(str, sys.version_info[:2]))}


class Keeper:
    """Says what a node is, ends processes that do not answer, and keeps a folder for shared files."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="dreamgym-node-")

    def about(self) -> dict[str, Any]:
        """The node's host, its versions and its folder for shared files."""
        return {"host": socket.gethostname(), "folder": self.folder, **versions()}

    def kill(self, process: int) -> None:
        """Ends a worker's process, which may be stopped."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    def memory_kills(self) -> int:
        """How many processes the kernel has ended so far because memory ran out; 0 where it does not say."""
        try:
            lines = Path("/proc/vmstat").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)

    def close(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
