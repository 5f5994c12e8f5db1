"""What many jobs have in common: an executor that sends jobs to other machines sends it there once, not with every job.

Pickled in the ordinary way, as the local workers' jobs are, a shared value is pickled by value and a shared file is its
path.
"""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, eq=False)
class Shared:
    """A value that many jobs have in common. Equal bytes count as one value, other values by identity."""

    value: Any


@dataclass(frozen=True)
class SharedFile:
    """A file, or a folder and the files in it, that jobs read. On another machine ``path`` is that of a copy there."""

    path: str

    @property
    def files(self) -> list[Path]:
        """The files, none where there is nothing. Folders within a folder are left out."""
        path = Path(self.path).expanduser()
        if path.is_dir():
            return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        return [path] if path.is_file() else []


class Files(Protocol):
    """Files by name in a place that every machine reaches, such as a folder in a bucket. It can be pickled.

    Jobs that are given one write their files there, and send back figures only.
    """

    def names(self) -> set[str]:
        """The names of the files that are there, whole."""

    def get(self, name: str) -> bytes:
        """The content of a file. Raises a MissingObjectError without one, a DamageError if it is not what was put."""

    def put(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all. Raises a ConflictError where there is one of another content."""

    def without(self, names: Set[str]) -> "Files":
        """The same place, taken to lack some files: putting one replaces what is there."""
