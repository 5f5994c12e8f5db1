"""``dreamgym cluster-node``: this machine as a node of a Ray cluster."""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from dreamgym.errors import JobError, SettingsError
from dreamgym.running.checks import at_least, check_settings
from dreamgym.running.cluster.start import ENVIRONMENT, MISSING, start_command


@dataclass(frozen=True)
class Args:
    """Makes this machine a node of a Ray cluster until it is ended: ray start, with what is not needed turned off.

    Reads and writes nothing but Ray's logs in /tmp/ray. Ray's usage reports, dashboard, metrics and memory monitor are
    off, and its object store fits into /dev/shm. Next: dreamgym pipeline --cluster auto on the head.
    """

    head: bool = False
    """Whether this is the cluster's first node."""
    address: str | None = None
    """HOST:PORT of the head, on every other node."""
    port: int = 6379
    """The head's port; those from 10002 to 19999 are its workers'."""
    cores: int | None = None
    """Cores for jobs; all if not given."""
    store: int | None = None
    """MB of the node's object store; up to 512, as /dev/shm has room, if not given."""

    def __post_init__(self) -> None:
        check_settings(self, port=at_least(1), cores=at_least(0), store=at_least(80))
        if 10_002 <= self.port <= 19_999 or self.port > 65_535:
            raise SettingsError(f"port is {self.port}, expected one up to 65535, but for the workers' 10002 to 19999")
        if self.head == (self.address is not None):
            raise SettingsError("give --head on the first node, and --address HOST:PORT of that node on the others")


def run(args: Args) -> None:
    """Replaces this process by Ray's."""
    if importlib.util.find_spec("ray") is None:
        raise JobError(MISSING)
    store = None if args.store is None else args.store * 2**20
    words = start_command(args.head, args.address, args.cores, store, args.port)
    beside = Path(sys.executable).with_name(words[0])
    sys.stdout.flush()
    os.execvpe(str(beside) if beside.exists() else words[0], words, os.environ | ENVIRONMENT)
