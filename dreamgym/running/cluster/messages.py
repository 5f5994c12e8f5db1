"""Jobs as bytes. What they share stays out of them: it lies in the cluster's object store, once."""

import hashlib
import io
import os
import pickle
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle

from dreamgym.running.shared import Shared, SharedFile

_KEPT = 8  # shared things by content that the driver, and a worker, hold on to
References = dict[str, Any]
"""Where shared things lie in the object store, by their keys."""


class Sender:
    """Turns jobs into messages, and puts what they share into the object store. ``put`` returns a reference."""

    def __init__(self, put: Callable[[Any], Any]):
        self._put = put
        self._by_identity: weakref.WeakKeyDictionary[Shared, tuple[str, Any]] = weakref.WeakKeyDictionary()
        self._by_content: OrderedDict[str, Any] = OrderedDict()
        self._keys: dict[tuple[Any, ...], str] = {}  # of files, by their paths and times
        self._number = 0

    def message(self, job: Any) -> tuple[bytes, References]:
        """A job as bytes, and where the things lie that it shares with others."""
        references: References = {}
        buffer = io.BytesIO()
        _Pickler(buffer, lambda item: self._find(item, references)).dump(job)
        return buffer.getvalue(), references

    def _find(self, item: Any, references: References) -> str | None:
        if isinstance(item, SharedFile):
            found = self._file(item)
        elif isinstance(item, Shared):
            found = self._bytes(item.value) if isinstance(item.value, bytes) else self._value(item)
        else:
            return None
        if found is None:
            return None
        references[found[0]] = found[1]
        return found[0]

    def _value(self, item: Shared) -> tuple[str, Any]:
        if item not in self._by_identity:
            self._number += 1
            self._by_identity[item] = (f"value-{self._number}", self._put(cloudpickle.dumps(item)))
        return self._by_identity[item]

    def _bytes(self, content: bytes) -> tuple[str, Any]:
        key = f"bytes-{hashlib.sha256(content).hexdigest()}"
        return self._content(key, lambda: cloudpickle.dumps(Shared(content)))

    def _file(self, item: SharedFile) -> tuple[str, Any] | None:
        files = item.files
        if not files:
            return None  # the job itself will say what is missing
        stats = [file.stat() for file in files]
        state = (item.path, *((f.name, s.st_mtime_ns, s.st_size) for f, s in zip(files, stats, strict=True)))
        if state not in self._keys or self._keys[state] not in self._by_content:
            contents = {file.name: file.read_bytes() for file in files}
            name, is_folder = Path(item.path).expanduser().name, Path(item.path).expanduser().is_dir()
            content = cloudpickle.dumps((name, is_folder, contents))
            self._keys[state] = f"file-{hashlib.sha256(content).hexdigest()[:32]}"
            return self._content(self._keys[state], lambda: content)
        return self._content(self._keys[state], lambda: b"")

    def _content(self, key: str, content: Callable[[], bytes]) -> tuple[str, Any]:
        if key not in self._by_content:
            self._by_content[key] = self._put(content())
            if len(self._by_content) > _KEPT:
                self._by_content.popitem(last=False)
        self._by_content.move_to_end(key)
        return key, self._by_content[key]


class Receiver:
    """Turns messages into jobs on a worker. ``get`` reads a reference, ``folder`` is for the node's shared files."""

    def __init__(self, get: Callable[[Any], bytes], folder: Path):
        self._get, self._folder = get, folder
        self._held: OrderedDict[str, Any] = OrderedDict()

    def job(self, message: bytes, references: References) -> Any:
        """The job of a message."""
        return _Unpickler(io.BytesIO(message), lambda key: self._load(key, references)).load()

    def _load(self, key: str, references: References) -> Any:
        if key not in self._held:
            content = self._get(references[key])
            self._held[key] = self._write(key, content) if key.startswith("file-") else pickle.loads(content)
            if len(self._held) > _KEPT:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def _write(self, key: str, content: bytes) -> SharedFile:
        """Writes shared files where no other worker of the node has done so. They appear together."""
        name, is_folder, files = pickle.loads(content)
        place = self._folder / key
        if not place.exists():
            partial = self._folder / f".{key}-{os.getpid()}"
            inside = partial / name if is_folder else partial
            inside.mkdir(parents=True, exist_ok=True)
            for file, data in files.items():
                (inside / file).write_bytes(data)
            try:
                partial.rename(place)
            except OSError:  # another worker was faster
                if not place.exists():
                    raise
        return SharedFile(str(place / name))


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, find: Callable[[Any], str | None]):
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._find = find

    def persistent_id(self, item: Any) -> str | None:
        return self._find(item)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, load: Callable[[str], Any]):
        super().__init__(file)
        self._load = load

    def persistent_load(self, key: str) -> Any:
        return self._load(key)
