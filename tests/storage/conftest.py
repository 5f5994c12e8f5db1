"""Remotes to test with: a folder, and a real S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamgym.storage import stores
from dreamgym.storage.remote import Remote
from tests.storage.servers import BUCKET, ENVIRONMENT, Faults, proxy, s3_server

PATIENCE = 1.5  # seconds


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Remote:
    """A new prefix on the S3 server."""
    set_environment(monkeypatch, server)
    return Remote(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture
def faulty(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Remote, Faults]]:
    """A new prefix on the S3 server, seen through the proxy."""
    with proxy(server) as (address, faults):
        set_environment(monkeypatch, address)
        yield Remote(f"s3://{BUCKET}/{tmp_path.name}", PATIENCE), faults


@pytest.fixture(params=["s3", "file"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    """An S3 prefix or a folder."""
    if request.param == "s3":
        return request.getfixturevalue("s3")
    return Remote(f"file://{tmp_path / 'remote folder'}")


def set_environment(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Credentials and endpoint, as the AWS tools take them."""
    stores.open_store.cache_clear()
    for key, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(key, value)
