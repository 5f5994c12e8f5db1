"""A working folder's exchange with its remote: fetches what is read, and pushes what is made while work goes on."""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from dreamgym.errors import DreamGymError, RemoteError
from dreamgym.running.files import write_whole
from dreamgym.storage.compare import Wanted
from dreamgym.storage.index import FOLDER
from dreamgym.storage.mirror import EVERYTHING, Mirror, Report
from dreamgym.storage.stores import obstore_module

INTERVAL = 2.0  # seconds between looks at the folder
_LONGEST_INTERVAL, _LONGEST_PAUSE = 30.0, 300.0  # seconds, the second one while the remote fails
_SHARE = 20  # of the time that a look takes, so that looking takes a twentieth of a core at most


def tell_on_stderr(line: str) -> None:
    """Prints a line for people."""
    print(line, file=sys.stderr, flush=True)


class Exchange:
    """While its context lasts, a thread pushes files as they appear and change; at its end, the rest is pushed.

    The thread never holds the work up and never fails it. A remote that fails is said once and tried again later, with
    growing pauses. When the context is left by an error, what is not there yet is left for the next time.

    Args:
        folder: The working folder.
        mirror: It and its remote. Without one, nothing is exchanged.
        places: Folders and files in it to push.
        wanted: Which names in them count; all if None.
        tell: Called with a line for people.

    Raises:
        RemoteError: There is a remote, and obstore is not installed.
    """

    def __init__(
        self,
        folder: Path,
        mirror: Mirror | None,
        places: Sequence[str] = EVERYTHING,
        *,
        wanted: Wanted | None = None,
        tell: Callable[[str], None] = tell_on_stderr,
    ):
        if mirror is not None:
            obstore_module()  # unlike a remote that fails, this will not mend itself
        self.folder, self.mirror, self.places, self.wanted, self.tell = folder, mirror, places, wanted, tell
        self.failure = ""  # why the remote failed the last time it was asked; empty if it did not
        self._failures = 0  # in a row
        self._next_try = 0.0  # when it is asked again, on the monotonic clock
        self._asked = False  # whether the remote has said what it holds
        self._different: set[str] = set()
        self._stop = threading.Event()
        self._busy = threading.Lock()  # one thread at a time exchanges anything
        self._thread = threading.Thread(target=self._follow, name="pushes to a remote", daemon=True)

    def __enter__(self) -> "Exchange":
        if self.mirror is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if kind is not None or self.mirror is None:
            return  # the thread is a daemon, and an object that it is putting appears whole or not at all
        self._thread.join()
        self._asked = False
        self._different.clear()
        if not self._push(self.mirror):
            self.tell(
                f"remote: what was made is here, but not all of it is in {self.mirror.remote.url}; the same command or "
                "dreamgym sync push makes up for it"
            )

    def fetch(self, places: Sequence[str], *, wanted: Wanted | None = None, again: bool = True) -> Report:
        """Fetches what is missing here of some folders and files, or what changed there only.

        A remote that fails is said, and work goes on with what is here, unless that is a part of what is there.

        Args:
            places: Folders and files.
            wanted: Which names in them count; all if None.
            again: Whether to fetch again what was here before and was deleted.

        Raises:
            RemoteError: An earlier or this fetch of a place came to no end.
        """
        report = Report()
        if self.mirror is not None and time.monotonic() >= self._next_try:
            with self._busy:
                try:
                    report = self.mirror.pull(places, wanted=wanted, again=again, begin=lambda: self._mark(places))
                    self._unmark(places)
                    self.failure = ""
                except RemoteError as error:
                    self._tell_failure(error)
            if report.moved:
                self.tell(f"remote: {report.moved} files ({report.size / 1e6:,.1f} MB) fetched")
            self._tell_differences(report.different)
        check_whole(self.folder, places)
        return report

    def settle(self, places: Sequence[str]) -> None:
        """Pushes what is new here of some folders and files at once, before other machines read them there.

        Raises:
            RemoteError: The remote fails.
        """
        if self.mirror is not None:
            with self._busy:
                report = self.mirror.push(places, wanted=self.wanted)
            self._tell_differences([*report.different, *report.damaged])

    def _follow(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            began = time.thread_time()
            self._push(self.mirror)  # type: ignore[arg-type]  # the thread is only started with one
            pause = min(max(INTERVAL, _SHARE * (time.thread_time() - began)), _LONGEST_INTERVAL)
            pause = max(pause, self._next_try - time.monotonic())

    def _push(self, mirror: Mirror) -> bool:
        """Pushes what is new. Whether the remote holds all of it now."""
        with self._busy:
            try:
                report = mirror.push(self.places, wanted=self._is_wanted, ask=not self._asked)
            except (DreamGymError, OSError) as error:
                self._tell_failure(error)
                return False
        if self._failures:
            self.tell(f"remote: {mirror.remote.url} answers again, and holds what was made meanwhile")
        self._asked, self._failures, self.failure = True, 0, ""
        self._tell_differences([*report.different, *report.damaged])
        return not self._different

    def _is_wanted(self, name: str) -> bool:
        """What differs is not tried again, and what is pushed last waits for all else."""
        if self._different and (name in self._different or (self.mirror and self.mirror.is_last(name))):
            return False
        return self.wanted is None or self.wanted(name)

    def _tell_failure(self, error: Exception) -> None:
        if not self._failures:
            self.tell(f"remote: {error}; work goes on here, and what it makes is pushed later")
        self._failures, self.failure = self._failures + 1, str(error)
        self._next_try = time.monotonic() + min(INTERVAL * 2**self._failures, _LONGEST_PAUSE)

    def _tell_differences(self, names: Sequence[str]) -> None:
        new = sorted(set(names) - self._different)
        self._different.update(new)
        if new and self.mirror is not None:
            more = f" and {len(new) - 3} more" if len(new) > 3 else ""
            self.tell(
                f"remote: {', '.join(new[:3])}{more} differ from {self.mirror.remote.url} and are left as they are on "
                "both sides; dreamgym sync status lists them, dreamgym sync push or pull with --force replaces them"
            )

    def _mark(self, places: Sequence[str]) -> None:
        _write_partly(self.folder, _partly(self.folder) | set(places))

    def _unmark(self, places: Sequence[str]) -> None:
        if (before := _partly(self.folder)) & set(places):
            _write_partly(self.folder, before - set(places))


def check_whole(folder: Path, places: Sequence[str]) -> None:
    """Raises a RemoteError if only a part of a place was fetched, because the fetch was stopped or failed."""
    if cut := sorted(_partly(folder) & set(places)):
        raise RemoteError(
            f"only a part of {folder / cut[0]} has been fetched from the remote; run the same command with --remote "
            "when it can be reached"
        )


def _partly(folder: Path) -> set[str]:
    """The places of which a part was fetched."""
    try:
        return set(json.loads(_partly_path(folder).read_text()))
    except (OSError, ValueError):
        return set()


def _write_partly(folder: Path, places: set[str]) -> None:
    write_whole(_partly_path(folder), json.dumps(sorted(places)).encode())


def _partly_path(folder: Path) -> Path:
    return folder / FOLDER / "partly.json"
