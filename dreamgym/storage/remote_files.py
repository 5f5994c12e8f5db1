"""A folder in a remote, as jobs on other machines read and write it."""

from collections.abc import Set
from dataclasses import dataclass, replace

from dreamgym.storage.remote import Remote


@dataclass(frozen=True)
class RemoteFiles:
    """The files of one folder of a remote: :class:`dreamgym.running.shared.Files`. It can be pickled.

    It holds an address and no credentials: those are taken where it is used.
    """

    remote: Remote
    folder: str  # its name below the remote, with slashes; empty for the remote itself
    lacks: frozenset[str] = frozenset()  # names that do not count as there, and may be replaced

    def names(self) -> set[str]:
        """The names of the objects in the folder. Objects are whole or not there; folders below are left out."""
        start = len(self._inside(""))
        names = {entry.name[start:] for entry in self.remote.list(self.folder)}
        return {name for name in names if "/" not in name} - self.lacks

    def get(self, name: str) -> bytes:
        """The content of an object, with its length and checksum checked.

        Raises:
            MissingObjectError: There is none.
            DamageError: Its length or checksum is wrong, twice.
            RemoteError: The remote fails.
        """
        return self.remote.get(self._inside(name))

    def put(self, name: str, content: bytes) -> None:
        """Puts an object, whole or not at all. One of the same content is left as it is.

        Raises:
            ConflictError: There is one of another content, and it is none that the folder is taken to lack.
            RemoteError: The remote fails.
        """
        path = self._inside(name)
        found = self.remote.find(path) if name in self.lacks else None
        self.remote.put(path, content, replaces=None if found is None else found.tag)

    def without(self, names: Set[str]) -> "RemoteFiles":
        """The same folder, taken to lack some objects: putting one replaces what is there."""
        return replace(self, lacks=self.lacks | names)

    def _inside(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name
