"""Networks and servers on bad days: one clear line each, without credentials, and nothing half there."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dreamgym.errors import RemoteError
from dreamgym.storage import stores
from dreamgym.storage.faults import explain, redact
from dreamgym.storage.remote import Remote
from tests.storage.conftest import PATIENCE, set_environment
from tests.storage.servers import CREDENTIALS, Faults


def failure(action: Callable[[], object]) -> str:
    """The message of the RemoteError that something raises in time, which is one line without credentials."""
    began = time.monotonic()
    with pytest.raises(RemoteError) as caught:
        action()
    assert time.monotonic() - began < 4 * PATIENCE
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    assert not any(secret in message for secret in CREDENTIALS.values())
    return message


def test_a_bucket_that_is_missing(s3: Remote) -> None:
    there = Remote("s3://no-such-bucket/x", PATIENCE)
    for action in (lambda: list(there.list()), lambda: there.put("a", b"1"), lambda: there.get("a")):
        message = failure(action)
        assert message.startswith("s3://no-such-bucket/x")
        assert "there is no such bucket" in message


def test_no_credentials(s3: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.open_store.cache_clear()
    for key in CREDENTIALS:
        monkeypatch.delenv(key)
    assert "no AWS credentials were found; set AWS_ACCESS_KEY_ID" in failure(lambda: s3.put("a", b"1"))


def test_a_profile_has_credentials_too(s3: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stores.open_store.cache_clear()
    lines = [f"{key.lower()} = {os.environ[key]}" for key in CREDENTIALS]
    (tmp_path / "credentials").write_text("\n".join(["[work]", *lines]))
    (tmp_path / "config").write_text(
        f"[profile work]\nregion = us-east-1\nendpoint_url = {os.environ['AWS_ENDPOINT_URL']}"
    )
    for key in (*CREDENTIALS, "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    s3.put("a", b"1")
    assert s3.get("a") == b"1"


def test_no_network(s3: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, "http://127.0.0.1:9")
    assert "the server cannot be reached" in failure(lambda: Remote(s3.url, PATIENCE).put("a", b"1"))


def test_a_server_that_fails_is_asked_again_and_then_named(faulty: tuple[Remote, Faults]) -> None:
    remote, faults = faulty
    faults.status, faults.times = 500, 2
    remote.put("a", b"1")
    assert len(faults.seen) == 3
    faults.status, faults.times = 503, 10**9
    assert "the server answers 503" in failure(lambda: remote.put("b", b"1"))
    assert len(faults.seen) > 5


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials(faulty: tuple[Remote, Faults], status: int) -> None:
    (remote, faults), said = faulty, "the credentials were refused"
    faults.status = status
    assert said in failure(lambda: remote.put("a", b"1"))
    assert said in failure(lambda: remote.get("a"))
    assert said in failure(lambda: list(remote.list()))
    assert len(faults.seen) == 3, "what is refused is not asked for again"


def test_a_server_that_hangs(faulty: tuple[Remote, Faults]) -> None:
    remote, faults = faulty
    faults.hang = True
    assert "the server does not answer" in failure(lambda: list(remote.list()))
    assert "the server does not answer" in failure(lambda: remote.put("a", b"1"))


def test_a_connection_that_is_cut(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    remote, faults = faulty
    content = os.urandom(3_000_000)
    faults.cut_uploads = 10**9
    failure(lambda: remote.put("a", content))
    assert remote.find("a") is None
    faults.cut_uploads = 1
    remote.put("a", content)
    faults.cut_downloads = 1
    remote.get_file("a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content


def test_bytes_that_change_on_the_way(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    remote, faults = faulty
    faults.spoil_downloads = 1
    remote.put("a", b"some content")
    assert remote.get("a") == b"some content"
    faults.spoil_downloads = 10**9
    assert "/a is damaged: 12 bytes" in failure(lambda: remote.get_file("a", tmp_path / "a"))
    assert not list(tmp_path.glob("*a*"))


def test_uploads_that_change_on_the_way(faulty: tuple[Remote, Faults]) -> None:
    remote, faults = faulty
    faults.spoil_uploads = 1
    remote.put("a", b"some content")
    assert remote.get("a") == b"some content"
    faults.spoil_uploads = 10**9
    assert "/b was damaged on its way 3 times, and is not there" in failure(lambda: remote.put("b", b"some content"))
    assert remote.find("b") is None


def test_nothing_after_a_question_mark_is_repeated() -> None:
    assert (
        redact("GET https://x.net/a?sig=SECRET in 2 s, https://me:SECRET@y/z")
        == "GET https://x.net/a in 2 s, https://y/z"
    )
    assert "SECRET" not in explain(RuntimeError("Error performing PUT https://x.net/a?sv=1&sig=SECRET after 3 retries"))
