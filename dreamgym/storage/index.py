"""What is known of a folder and its remote: checksums of files, and what both had in common when they last met.

It is an SQLite file under ``.sync`` in the folder. Without it, files are hashed once more, and a file that differs from
its object is not known to be the newer one.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dreamgym.storage.entries import Entry

FOLDER = ".sync"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, stamp TEXT, md5 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS synced (name TEXT PRIMARY KEY, size INTEGER, tag TEXT, md5 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS damaged (name TEXT PRIMARY KEY, tag TEXT) WITHOUT ROWID;
CREATE TEMP TABLE here (name TEXT PRIMARY KEY, size INTEGER, stamp TEXT) WITHOUT ROWID;
CREATE TEMP TABLE there (name TEXT PRIMARY KEY, size INTEGER, tag TEXT) WITHOUT ROWID;
CREATE TEMP TABLE pairs (rank INTEGER, name TEXT, size INTEGER, stamp TEXT, there_size INTEGER, tag TEXT);
"""
# Files that are as they were when they were last the same as an object that is as it was.
_SAME = """
SELECT here.name FROM here JOIN there USING (name) JOIN files USING (name) JOIN synced USING (name)
WHERE files.stamp = here.stamp AND files.md5 = synced.md5 AND there.tag = synced.tag
"""
_PAIRS = f"""
INSERT INTO pairs SELECT rank(name), name, here.size, stamp, there.size, tag
FROM (SELECT name FROM here UNION SELECT name FROM there) LEFT JOIN here USING (name) LEFT JOIN there USING (name)
WHERE name NOT IN ({_SAME}) AND {{side}} ORDER BY 1, 2
"""
_SIDES = {"both": "TRUE", "here": "stamp IS NOT NULL", "there": "tag IS NOT NULL"}
_PAGE = 500


class LocalFile(NamedTuple):
    """A file here."""

    name: str  # its path below the folder, with slashes
    size: int  # bytes
    stamp: str  # changes when the file is written

    @classmethod
    def of(cls, path: Path, name: str) -> "LocalFile":
        """The file at a path."""
        status = path.stat()
        return cls(name, status.st_size, f"{status.st_mtime_ns}-{status.st_ino}")


@dataclass(frozen=True)
class Pair:
    """A file and the object of the same name, which are not known to be the same; one of them may be missing."""

    name: str
    here: LocalFile | None
    there: Entry | None


class Known(NamedTuple):
    """What a file and its object had in common."""

    size: int
    tag: str
    md5: str


class Index:
    """The index of a folder and one remote. Threads may share it."""

    def __init__(self, folder: Path, url: str):
        self.path = folder / FOLDER / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}.sqlite"
        self._lock = threading.RLock()
        self._open()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connect()
        except sqlite3.DatabaseError:  # damaged, for example by a power cut
            with suppress(sqlite3.Error):
                self._database.close()
            self.path.unlink(missing_ok=True)
            self._connect()

    def _connect(self) -> None:
        self._database = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # nothing is lost that cannot be found out again
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def pairs(
        self,
        here: Iterable[LocalFile],
        there: Iterable[Entry] | None,
        rank: Callable[[str], int],
        side: str = "both",
    ) -> Iterator[Pair]:
        """Yields what is not known to be the same, by rank and then by name.

        ``there`` is taken to be as it was last, if None. ``side`` is here or there, if only what exists on it counts.
        Memory does not grow with the number of files.
        """
        with self._transaction("BEGIN") as run:
            run.create_function("rank", 1, rank, deterministic=True)
            for table in ("here", "there", "pairs"):
                run.execute(f"DELETE FROM {table}")
            run.executemany("INSERT OR REPLACE INTO here VALUES (?, ?, ?)", here)
            if there is None:
                run.execute(
                    "INSERT INTO there SELECT name, size, tag FROM synced WHERE name IN (SELECT name FROM here)"
                )
            else:
                rows = ((entry.name, entry.size, entry.tag) for entry in there)
                run.executemany("INSERT OR REPLACE INTO there VALUES (?, ?, ?)", rows)
            run.execute(_PAIRS.format(side=_SIDES[side]))
        last = 0
        while True:
            with self._lock:
                page = self._database.execute(
                    "SELECT rowid, name, size, stamp, there_size, tag FROM pairs WHERE rowid > ? LIMIT ?", (last, _PAGE)
                ).fetchall()
            last = page[-1][0] if page else last
            for _, name, size, stamp, there_size, tag in page:
                yield Pair(
                    name,
                    None if stamp is None else LocalFile(name, size, stamp),
                    None if tag is None else Entry(name, there_size, tag),
                )
            if len(page) < _PAGE:
                return

    def md5(self, file: LocalFile) -> str:
        """The MD5 of a file; empty if it is not known."""
        with self._lock:
            row = self._database.execute("SELECT stamp, md5 FROM files WHERE name = ?", (file.name,)).fetchone()
        return row[1] if row is not None and row[0] == file.stamp else ""

    def known(self, name: str) -> Known | None:
        """What a file and its object had in common when they last met; None if they did not."""
        with self._lock:
            row = self._database.execute("SELECT size, tag, md5 FROM synced WHERE name = ?", (name,)).fetchone()
        return None if row is None else Known(*row)

    def met(self, meetings: Iterable[tuple[LocalFile, Entry, str]]) -> None:
        """Notes that files and their objects are the same, with their MD5."""
        files, objects = [], []
        for file, entry, md5 in meetings:
            files.append((file.name, file.stamp, md5))
            objects.append((entry.name, entry.size, entry.tag, md5))
        with self._transaction("BEGIN IMMEDIATE") as run:
            run.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", files)
            run.executemany("INSERT OR REPLACE INTO synced VALUES (?, ?, ?, ?)", objects)
            run.executemany("DELETE FROM damaged WHERE name = ?", (row[:1] for row in objects))

    def is_damaged(self, entry: Entry) -> bool:
        """Whether an object was found to be damaged."""
        with self._lock:
            row = self._database.execute("SELECT tag FROM damaged WHERE name = ?", (entry.name,)).fetchone()
        return row is not None and row[0] == entry.tag

    def found_damaged(self, entry: Entry) -> None:
        """Notes that an object is damaged, so that a whole file may replace it."""
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO damaged VALUES (?, ?)", (entry.name, entry.tag))

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute(begin)
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
