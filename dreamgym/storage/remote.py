"""A remote: objects by name, put whole or not at all, and checked when they come back.

An object's checksum is its MD5, which S3 and Google list with every object put in one request (its ETag), so that
comparing needs no request per object. It is kept in the object's metadata as well, for other providers; for
``file://``, in a small file under ``.md5``.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dreamgym.errors import RemoteError
from dreamgym.storage.entries import Entry, is_hidden
from dreamgym.storage.faults import ConflictError, DamageError, MissingObjectError, explain, is_missing
from dreamgym.storage.stores import obstore_module, open_store, parse_address

PATIENCE = 30.0  # seconds
SUMS = ".md5"
_MEGABYTE = 2**20
_CHUNK = 4 * _MEGABYTE
_TRIES = 3


@dataclass(frozen=True)
class Remote:
    """A place for files: ``s3://bucket/prefix``, ``gs://``, ``az://`` or ``file://``. It can be pickled.

    All methods raise RemoteError, in one line that names the address, where the remote fails for ``patience`` seconds.
    """

    url: str
    patience: float = PATIENCE  # seconds for which a request is tried again

    def __post_init__(self) -> None:
        parse_address(self.url)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return parse_address(self.url).scheme == "file"

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yields the objects in a folder and below, a thousand per request. Names with a dotted part are left out."""
        obstore = obstore_module()
        try:
            for page in obstore.list(self._store(), prefix or None, chunk_size=1000):
                for item in page:
                    if not is_hidden(item["path"]):
                        yield Entry(item["path"], item["size"], item["e_tag"] or "")
        except Exception as error:
            raise self._fault(error) from error

    def find(self, name: str) -> Entry | None:
        """The object of a name; None if there is none."""
        obstore = obstore_module()
        try:
            item = obstore.head(self._store(), name)
        except Exception as error:
            if is_missing(error):
                return None
            raise self._fault(error, name) from error
        return Entry(name, item["size"], item["e_tag"] or "")

    def md5(self, name: str) -> str:
        """The MD5 that was noted when an object was put; empty if none was, or if there is none."""
        obstore = obstore_module()
        try:
            if self.is_folder:
                return self._sum(name)
            return str(obstore.get(self._store(), name, options={"head": True}).attributes.get("md5", ""))
        except Exception as error:
            if is_missing(error):
                return ""
            raise self._fault(error, name) from error

    def holds(self, entry: Entry, md5: str) -> bool:
        """Whether an object's content has an MD5.

        It is fetched only where its tag is no MD5 of anything, and for a folder.

        Raises:
            DamageError: It had that MD5 when it was put, and has another one now.
        """
        if entry.listed_md5 == md5:
            return True
        noted = self.md5(entry.name)
        if noted not in ("", md5):
            return False
        if noted and not entry.listed_md5 and not self.is_folder:
            return True
        found = self._fetch(entry.name, io.BytesIO())[-1]
        if noted and found != noted:
            raise DamageError(f"{self.url}/{entry.name} is damaged: its MD5 is {found}, expected {noted}")
        return found == md5

    def put(self, name: str, content: bytes, *, replaces: str | None = None, force: bool = False) -> Entry:
        """Puts an object, whole or not at all. One of the same content is left as it is.

        Args:
            name: Its name, with slashes.
            content: Its content.
            replaces: The tag of the object that may be replaced; without it, none may.
            force: Replaces whatever is there.

        Raises:
            ConflictError: The remote holds another content.
        """
        obstore = obstore_module()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        try:
            tag = self._put(name, content, md5, replaces, force)
        except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError) as error:
            found = self.find(name)
            if found is not None and found.size == len(content) and self.holds(found, md5):
                return found
            raise ConflictError(f"{self.url}/{name} differs from what is here") from error
        except Exception as error:
            raise self._fault(error, name) from error
        return Entry(name, len(content), tag)

    def put_file(self, path: Path, name: str, *, replaces: str | None = None, force: bool = False) -> Entry:
        """Puts a file. See :meth:`put`."""
        return self.put(name, path.read_bytes(), replaces=replaces, force=force)

    def get(self, name: str) -> bytes:
        """The content of an object. See :meth:`get_file` for errors."""
        buffer = io.BytesIO()
        self._checked(name, buffer)
        return buffer.getvalue()

    def get_file(self, name: str, path: Path) -> tuple[Entry, str]:
        """Fetches an object into a file, which appears whole or not at all. Returns the object and its MD5.

        Raises:
            MissingObjectError: There is none.
            DamageError: Its length or checksum is wrong, twice.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another fetch of the same file takes the same name, so that one that was killed leaves nothing for long.
        partial = path.with_name(f".{path.name}.pulled.part")
        try:
            with partial.open("wb") as file:
                found = self._checked(name, file)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return found

    def _checked(self, name: str, file: BinaryIO) -> tuple[Entry, str]:
        """Fetches an object into a file, at most twice, and checks it."""
        before = ""
        for _ in range(2):
            file.seek(0)
            file.truncate()
            entry, noted, size, md5 = self._fetch(name, file)
            expected = noted or entry.listed_md5 or md5
            # A foreign object of an encrypted bucket has no MD5 in its tag: it is good if it is the same twice.
            if size == entry.size and (md5 == expected or (not noted and md5 == before)):
                return entry, md5
            before = md5
        raise DamageError(
            f"{self.url}/{name} is damaged: {size} bytes with MD5 {md5}, expected {entry.size} with {expected}"
        )

    def _fetch(self, name: str, file: BinaryIO) -> tuple[Entry, str, int, str]:
        obstore = obstore_module()
        digest, size = hashlib.md5(usedforsecurity=False), 0
        try:
            result = obstore.get(self._store(), name)
            meta, noted = result.meta, str(result.attributes.get("md5", ""))
            for piece in result.stream(min_chunk_size=_CHUNK):
                digest.update(piece)
                file.write(piece)
                size += len(piece)
            noted = noted or (self._sum(name) if self.is_folder else "")
        except OSError as error:
            if error.errno is not None:  # a file of this machine
                raise
            raise self._fault(error, name) from error
        except Exception as error:
            raise self._fault(error, name) from error
        return Entry(name, meta["size"], meta["e_tag"] or ""), noted, size, digest.hexdigest()

    def _put(self, name: str, content: bytes, md5: str, replaces: str | None, force: bool) -> str:
        obstore = obstore_module()
        if self.is_folder:
            return self._put_in_folder(name, content, md5, replaces, force)
        store = self._store(len(content))
        mode: Any = "overwrite" if force else "create"
        if replaces is not None and not force:
            mode = {"e_tag": replaces}
            if parse_address(self.url).scheme == "gs":  # it replaces by version, which is not in its tag
                mode["version"] = obstore.head(store, name)["version"]
        for _ in range(_TRIES):
            put = obstore.put(store, name, content, mode=mode, attributes={"md5": md5}, use_multipart=False)
            entry = Entry(name, len(content), put["e_tag"] or "")
            if entry.listed_md5 in ("", md5) or self._arrived(name, md5):
                return entry.tag
            obstore.delete(store, name)  # it was damaged on its way
            mode = "create"
        raise DamageError(f"{self.url}/{name} was damaged on its way {_TRIES} times, and is not there")

    def _arrived(self, name: str, md5: str) -> bool:
        """Reads back an object whose tag is not its MD5: it is encrypted there, or was damaged on its way."""
        return self._fetch(name, io.BytesIO())[-1] == md5

    def _put_in_folder(self, name: str, content: bytes, md5: str, replaces: str | None, force: bool) -> str:
        """A folder has no metadata and no conditional replacement."""
        obstore = obstore_module()
        store = self._store()
        if force or replaces is not None:
            found = self.find(name)
            if not force and (found is None or found.tag != replaces):
                raise obstore.exceptions.PreconditionError(name)
            for old in (f"{SUMS}/{name}", name):  # no object may stand beside another's checksum
                with suppress(FileNotFoundError):
                    obstore.delete(store, old)
        tag = obstore.put(store, name, content, mode="create", use_multipart=False)["e_tag"]
        obstore.put(store, f"{SUMS}/{name}", md5.encode(), use_multipart=False)
        return tag or ""

    def _sum(self, name: str) -> str:
        """The MD5 that lies beside an object of a folder; empty if none does."""
        obstore = obstore_module()
        with suppress(FileNotFoundError):
            return bytes(obstore.get(self._store(), f"{SUMS}/{name}").bytes()).decode()
        return ""

    def _store(self, body: int = 0) -> Any:
        megabytes = body // _MEGABYTE
        return open_store(self.url, self.patience, 1 << megabytes.bit_length() if megabytes else 0)

    def _fault(self, error: BaseException, name: str = "") -> RemoteError:
        if isinstance(error, RemoteError):
            return error
        if name and is_missing(error):
            return MissingObjectError(f"{self.url} has no {name}")
        return RemoteError(f"{self.url}{'/' if name else ''}{name}: {explain(error)}")
