"""How files and the objects of the same names stand to each other."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path

from dreamgym.storage.entries import Entry
from dreamgym.storage.faults import DamageError
from dreamgym.storage.index import Index, LocalFile, Pair
from dreamgym.storage.remote import Remote

Wanted = Callable[[str], bool]
FIRST, BETWEEN, LAST = range(3)


class State(Enum):
    """How a file and the object of its name stand to each other."""

    SAME = "same"
    HERE_ONLY = "here only"
    THERE_ONLY = "there only"
    NEWER_HERE = "changed here"  # since both were the same, and the object did not change; or that one is damaged
    NEWER_THERE = "changed there"  # since both were the same, and the file did not change
    DIFFERENT = "different"


def state_of(pair: Pair, folder: Path, remote: Remote, index: Index) -> tuple[State, str]:
    """The state of a pair, and the file's MD5 if that was needed."""
    here, there = pair.here, pair.there
    if here is None or there is None:
        return (State.THERE_ONLY if here is None else State.HERE_ONLY), ""
    known = index.known(pair.name)
    if index.is_damaged(there):
        return State.NEWER_HERE, ""
    if known is None and here.size != there.size:
        return State.DIFFERENT, ""
    md5 = index.md5(here) or _hash(folder / here.name)
    is_as_known = known is not None and there.tag == known.tag
    try:
        same = here.size == there.size and (md5 == known.md5 if known and is_as_known else remote.holds(there, md5))
    except DamageError:
        index.found_damaged(there)
        return State.NEWER_HERE, md5
    if same:
        return State.SAME, md5
    if is_as_known:
        return State.NEWER_HERE, md5
    return (State.NEWER_THERE if known is not None and md5 == known.md5 else State.DIFFERENT), md5


def local_files(folder: Path, places: Sequence[str], wanted: Wanted | None) -> Iterator[LocalFile]:
    """Yields the files of a folder that lie in some places of it. Names with a dotted part are left out."""
    for place in places:
        path = folder / place
        found = _walk(path, place) if path.is_dir() else [(path, place)] if path.is_file() else []
        for file, name in found:
            if wanted is None or wanted(name):
                try:
                    yield LocalFile.of(file, name)
                except FileNotFoundError:  # moved away meanwhile
                    continue


def remote_files(remote: Remote, places: Sequence[str], wanted: Wanted | None) -> Iterator[Entry]:
    """Yields the objects of a remote that lie in some places of it."""
    for place in places:
        empty = True
        for entry in remote.list(place):
            empty = False
            if wanted is None or wanted(entry.name):
                yield entry
        if place and empty and (entry_of_file := remote.find(place)) is not None:
            yield entry_of_file


def _walk(folder: Path, name: str) -> Iterator[tuple[Path, str]]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except FileNotFoundError:
        return
    for part, is_folder in inside:
        below = f"{name}/{part}" if name else part
        if is_folder:
            yield from _walk(folder / part, below)
        else:
            yield folder / part, below


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def rank_of(name: str, first: Iterable[str], last: Iterable[str]) -> int:
    """When a name is moved: FIRST, BETWEEN or LAST. ``first`` and ``last`` hold folders and files."""

    def is_in(places: Iterable[str]) -> bool:
        return any(name == place or name.startswith(f"{place}/") for place in places)

    return FIRST if is_in(first) else LAST if is_in(last) else BETWEEN
