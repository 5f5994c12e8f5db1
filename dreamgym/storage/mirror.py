"""A folder and its remote: either gets what it lacks of the other. Nothing that differs is overwritten unasked."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from dreamgym.running.threads import in_order
from dreamgym.storage.compare import LAST, State, Wanted, local_files, rank_of, remote_files, state_of
from dreamgym.storage.entries import Entry
from dreamgym.storage.faults import ConflictError, DamageError, MissingObjectError
from dreamgym.storage.index import Index, LocalFile, Pair
from dreamgym.storage.remote import Remote
from dreamgym.storage.remote_files import RemoteFiles

AT_ONCE = 16  # requests
_BATCH = 64
_LARGE = 8 * 2**20  # bytes; of larger files, one at a time is in memory
_large = threading.Lock()
EVERYTHING = ("",)


class Outcome(NamedTuple):
    """What became of a pair."""

    pair: Pair
    state: State  # before
    same: tuple[LocalFile, Entry, str] | None = None  # the file, the object and their MD5, if they are the same now
    moved: bool = False  # whether they were made the same
    damage: str = ""  # what is wrong with the object


@dataclass
class Report:
    """The outcome of a push or pull."""

    moved: int = 0  # files that were pushed or pulled
    size: int = 0  # their bytes
    different: list[str] = field(default_factory=list)  # names of files that differ from their objects and were let be
    damaged: dict[str, str] = field(default_factory=dict)  # by name: what is wrong with an object


@dataclass(frozen=True)
class Mirror:
    """A folder and its remote, with the same names on both sides.

    Files whose path has a part that begins with a dot stay where they are. Deleting a file deletes no object.
    """

    folder: Path  # here
    remote: Remote  # there
    first: tuple[str, ...] = ()  # folders and files that are moved before all others; nothing else is if they differ
    last: tuple[str, ...] = ()  # folders and files that are moved when all others are whole on the other side

    def changes(self, places: Sequence[str] = EVERYTHING) -> Iterator[tuple[str, State]]:
        """Yields the name and state of all that is not the same here and there.

        Raises:
            RemoteError: The remote fails.
        """
        with closing(Index(self.folder, self.remote.url)) as index:
            plain = Mirror(self.folder, self.remote)  # of one rank, so that all is compared
            for outcome in plain._outcomes(index, partial(plain._compare, index), places):
                if outcome.same is None:
                    yield outcome.pair.name, outcome.state

    def push(
        self,
        places: Sequence[str] = EVERYTHING,
        *,
        wanted: Wanted | None = None,
        force: bool = False,
        ask: bool = True,
    ) -> Report:
        """Puts into the remote what it lacks, and what changed here only.

        Args:
            places: Folders and files.
            wanted: Which names in them count; all if None.
            force: Also replace what differs there.
            ask: Whether to ask the remote what it holds; else it is taken to be as it was last.

        Raises:
            RemoteError: The remote fails. What was put is there, and pushing again goes on.
        """
        states = {State.HERE_ONLY, State.NEWER_HERE} | ({State.DIFFERENT, State.NEWER_THERE} if force else set())
        with closing(Index(self.folder, self.remote.url)) as index:
            work = partial(self._put, index, states, force)
            return _report(self._outcomes(index, work, places, wanted, ask=ask, side="here"))

    def pull(
        self,
        places: Sequence[str] = EVERYTHING,
        *,
        wanted: Wanted | None = None,
        force: bool = False,
        again: bool = True,
        begin: Callable[[], None] = lambda: None,
    ) -> Report:
        """Fetches what is missing here, and what changed there only.

        Args:
            places: Folders and files.
            wanted: Which names in them count; all if None.
            force: Also replace what differs here.
            again: Whether to fetch again what was here before and was deleted.
            begin: Called before the first file is fetched.

        Raises:
            RemoteError: The remote fails. What was fetched is here, and pulling again goes on.
        """
        states = {State.THERE_ONLY, State.NEWER_THERE} | ({State.DIFFERENT, State.NEWER_HERE} if force else set())
        with closing(Index(self.folder, self.remote.url)) as index:
            work = partial(self._get, index, states, again, _once(begin))
            return _report(self._outcomes(index, work, places, wanted, side="there"))

    def files(self, folder: str) -> RemoteFiles:
        """A folder of the remote for jobs on other machines. It lacks objects that were found to be damaged."""
        with closing(Index(self.folder, self.remote.url)) as index:
            damaged = {entry.name for entry in self.remote.list(folder) if index.is_damaged(entry)}
        return RemoteFiles(self.remote, folder).without({name.removeprefix(f"{folder}/") for name in damaged})

    def is_last(self, name: str) -> bool:
        """Whether a name is one of those that are moved last."""
        return self._rank(name) == LAST

    def _outcomes(
        self,
        index: Index,
        work: Callable[[Pair], Outcome],
        places: Sequence[str],
        wanted: Wanted | None = None,
        *,
        ask: bool = True,
        side: str = "both",
    ) -> Iterator[Outcome]:
        """Does some work for every pair, several at a time, rank by rank. What is the same afterwards is noted.

        A rank that leaves something different or damaged is the last one.
        """
        there = remote_files(self.remote, places, wanted) if ask else None
        pairs = index.pairs(local_files(self.folder, places, wanted), there, self._rank, side)
        same: list[tuple[LocalFile, Entry, str]] = []
        good = True
        try:
            for _, group in groupby(pairs, lambda pair: self._rank(pair.name)):
                for outcome in in_order(work, group, AT_ONCE):
                    good = good and outcome.state is not State.DIFFERENT and not outcome.damage
                    if outcome.same is not None:
                        same.append(outcome.same)
                    if len(same) >= _BATCH:
                        index.met(same)
                        same.clear()
                    yield outcome
                if not good:
                    return
        finally:
            index.met(same)

    def _rank(self, name: str) -> int:
        return rank_of(name, self.first, self.last)

    def _compare(self, index: Index, pair: Pair) -> Outcome:
        state, md5 = state_of(pair, self.folder, self.remote, index)
        if state is State.SAME and pair.here is not None and pair.there is not None:
            return Outcome(pair, state, (pair.here, pair.there, md5))
        return Outcome(pair, state)

    def _put(self, index: Index, states: set[State], force: bool, pair: Pair) -> Outcome:
        outcome = self._compare(index, pair)
        if outcome.state not in states or pair.here is None:
            return outcome
        replaces = None if pair.there is None else pair.there.tag
        try:
            with _large if pair.here.size > _LARGE else nullcontext():
                content = (self.folder / pair.name).read_bytes()
                entry = self.remote.put(pair.name, content, replaces=replaces, force=force)
                md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        except FileNotFoundError:  # deleted meanwhile
            return outcome
        except ConflictError:
            return Outcome(pair, State.DIFFERENT)
        except DamageError as error:
            return Outcome(pair, outcome.state, damage=str(error))
        return Outcome(pair, State.SAME, (pair.here, entry, md5), moved=True)

    def _get(self, index: Index, states: set[State], again: bool, begin: Callable[[], None], pair: Pair) -> Outcome:
        outcome = self._compare(index, pair)
        if outcome.state not in states or pair.there is None:
            return outcome
        if pair.here is None and not again and (known := index.known(pair.name)) and known.tag == pair.there.tag:
            return outcome
        begin()
        path = self.folder / pair.name
        try:
            entry, md5 = self.remote.get_file(pair.name, path)
        except MissingObjectError:  # deleted meanwhile
            return outcome
        except DamageError as error:
            index.found_damaged(pair.there)
            return Outcome(pair, outcome.state, damage=str(error))
        return Outcome(pair, State.SAME, (LocalFile.of(path, pair.name), entry, md5), moved=True)


def _once(function: Callable[[], None]) -> Callable[[], None]:
    """A function that runs another at its first call, whichever thread makes that."""
    done, lock = threading.Event(), threading.Lock()

    def call() -> None:
        with lock:
            if not done.is_set():
                function()
                done.set()

    return call


def _report(outcomes: Iterable[Outcome]) -> Report:
    report = Report()
    for outcome in outcomes:
        if outcome.moved and outcome.same is not None:
            report.moved, report.size = report.moved + 1, report.size + outcome.same[1].size
        elif outcome.damage:
            report.damaged[outcome.pair.name] = outcome.damage
        elif outcome.state is State.DIFFERENT:
            report.different.append(outcome.pair.name)
    return report
