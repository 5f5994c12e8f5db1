"""A remote: objects are put and fetched whole or not at all, and nothing is replaced unasked."""

import hashlib
import os
import pickle
from pathlib import Path

import obstore
import pytest

from dreamgym.errors import SettingsError
from dreamgym.storage.faults import ConflictError, DamageError, MissingObjectError
from dreamgym.storage.remote import Remote
from dreamgym.storage.stores import open_store


def test_objects_come_back_as_they_were_put(remote: Remote, tmp_path: Path) -> None:
    contents = {"config.json": b"{}", "a/b c/ü.bin": os.urandom(100_000), "empty": b"", "large": os.urandom(9_000_000)}
    for name, content in contents.items():
        remote.put(name, content)
    remote.put(".hidden/x", b"locks and the like are no objects")
    there = pickle.loads(pickle.dumps(remote))
    assert {entry.name: entry.size for entry in there.list()} == {name: len(c) for name, c in contents.items()}
    assert [entry.name for entry in there.list("a")] == ["a/b c/ü.bin"]
    assert list(there.list("none")) == []
    for name, content in contents.items():
        assert there.get(name) == content
        assert there.md5(name) == hashlib.md5(content).hexdigest()
        entry, md5 = there.get_file(name, tmp_path / "here" / name)
        assert (tmp_path / "here" / name).read_bytes() == content
        assert (entry, md5) == (there.find(name), hashlib.md5(content).hexdigest())
    assert there.find("none") is None
    with pytest.raises(MissingObjectError, match="has no none"):
        there.get_file("none", tmp_path / "none")
    assert not list(tmp_path.glob("*none*"))


def test_what_differs_is_not_replaced_unasked(remote: Remote) -> None:
    first = remote.put("x", b"one")
    assert remote.put("x", b"one") == first, "the same content does no harm"
    with pytest.raises(ConflictError, match="x differs from what is here"):
        remote.put("x", b"two")
    second = remote.put("x", b"three", replaces=first.tag)
    with pytest.raises(ConflictError):
        remote.put("x", b"four", replaces=first.tag)
    assert remote.put("x", b"three", replaces=first.tag) == second, "another machine may have replaced it by the same"
    assert remote.get("x") == b"three"
    remote.put("x", b"five", force=True)
    assert remote.get("x") == b"five"
    with pytest.raises(ConflictError):
        remote.put("x", b"five!", replaces=second.tag)


def test_a_damaged_object_is_named_and_leaves_no_file(remote: Remote, tmp_path: Path) -> None:
    content = os.urandom(1000)
    remote.put("x", content)
    attributes = None if remote.is_folder else {"md5": hashlib.md5(content).hexdigest()}
    store = open_store(remote.url, remote.patience)
    obstore.put(store, "x", content[:-1] + bytes([content[-1] ^ 1]), attributes=attributes, use_multipart=False)
    with pytest.raises(DamageError, match=r"/x is damaged: 1000 bytes with MD5 \w+, expected 1000 with"):
        remote.get_file("x", tmp_path / "x")
    assert not list(tmp_path.glob("*x*"))
    remote.put("x", content, force=True)
    assert remote.get("x") == content


def test_objects_that_others_put_are_taken(remote: Remote) -> None:
    obstore.put(open_store(remote.url, remote.patience), "x", b"no checksum is kept beside it", use_multipart=False)
    assert remote.get("x") == b"no checksum is kept beside it"
    assert remote.put("x", b"no checksum is kept beside it").size == 29
    with pytest.raises(ConflictError):
        remote.put("x", b"no checksum is kept beside iT")


@pytest.mark.parametrize(
    "url",
    ["bucket", "ftp://host/x", "s3:///x", "file://x/y", "file:x", "", "s3://[x"],
)
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        Remote(url)


@pytest.mark.parametrize(
    "url", ["s3://key:SECRET@bucket/x", "az://box/x?sig=SECRET", "gs://box/x#SECRET", "s3://SECRET@b"]
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="leave out") as caught:
        Remote(url)
    assert "SECRET" not in str(caught.value)
