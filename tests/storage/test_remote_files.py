"""A folder of a remote as jobs see it: whole files, nothing overwritten unasked."""

import pickle

import pytest

from dreamgym.errors import RemoteError, describe, tells_of
from dreamgym.storage.faults import ConflictError, DamageError, MissingObjectError
from dreamgym.storage.remote import Remote
from dreamgym.storage.remote_files import RemoteFiles
from tests.storage.servers import Faults


def test_files_come_back_in_another_process_and_others_are_not_seen(remote: Remote) -> None:
    files = RemoteFiles(remote, "rollouts/0")
    assert files.names() == set()
    files.put("a", b"content")
    for elsewhere in ("rollouts/0/below/b", "rollouts/01", "rollouts/0/.part", "a"):
        remote.put(elsewhere, b"")
    again = pickle.loads(pickle.dumps(files))
    assert again.names() == {"a"}
    assert again.get("a") == b"content"
    assert RemoteFiles(remote, "").names() == {"a"}
    with pytest.raises(MissingObjectError, match="has no rollouts/0/b"):
        files.get("b")


def test_what_differs_is_replaced_only_where_the_folder_is_taken_to_lack_it(remote: Remote) -> None:
    files = RemoteFiles(remote, "rollouts")
    files.put("a", b"first")
    files.put("a", b"first")
    with pytest.raises(ConflictError) as conflict:
        files.put("a", b"other")
    assert tells_of(describe(conflict.value), RemoteError)
    lacking = files.without({"a", "b"}).without({"c"})
    assert lacking.names() == set()
    for name in "abc":
        lacking.put(name, b"other")
    assert {name: files.get(name) for name in files.names()} == dict.fromkeys("abc", b"other")


def test_an_object_is_checked_when_it_comes_back(faulty: tuple[Remote, Faults]) -> None:
    remote, faults = faulty
    files = RemoteFiles(remote, "rollouts")
    files.put("a", b"content")
    faults.spoil_downloads = 1
    assert files.get("a") == b"content"
    faults.spoil_downloads = 2
    with pytest.raises(DamageError, match="rollouts/a is damaged"):
        files.get("a")
