"""Addresses of remotes, and the obstore stores behind them. Credentials come from the provider's own places.

This module alone reads the environment for storage. No credential is kept, printed or part of an address.
"""

import importlib
import os
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dreamgym.errors import RemoteError, SettingsError

SCHEMES = ("s3", "gs", "az", "file")
_EXAMPLES = "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder"
_INSTALL = "a remote needs obstore; pip install 'dreamgym[remote]'"
_READ_TIMEOUT = 15.0  # seconds without a byte, after which a request is tried again


@dataclass(frozen=True)
class Address:
    """A remote's parts."""

    scheme: str  # one of SCHEMES
    bucket: str  # the bucket or container; empty for file://
    prefix: str  # the folder in it, without slashes at its ends; the absolute folder for file://


def parse_address(url: str) -> Address:
    """The parts of an address. A SettingsError, which does not repeat it, where it may hold a secret."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SettingsError(f"remote is not an address ({error}), expected {_EXAMPLES}") from error
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(
            "remote holds more than a bucket and a prefix; leave out what '@', '?' or '#' sets apart: credentials are "
            "taken from where the provider's own tools take them"
        )
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise SettingsError(f"remote is {url!r}, expected an absolute folder as file:///folder")
        return Address("file", "", unquote(parts.path))
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise SettingsError(f"remote is {url!r}, expected {_EXAMPLES}")
    return Address(parts.scheme, parts.netloc, parts.path.strip("/"))


def obstore_module() -> Any:
    """The package obstore. A RemoteError where it is not installed."""
    try:
        return importlib.import_module("obstore.store") and importlib.import_module("obstore")
    except ImportError as error:
        raise RemoteError(_INSTALL) from error


@lru_cache(maxsize=32)
def open_store(url: str, patience: float, body: int = 0) -> Any:
    """The obstore store of an address, shared by all threads of this process.

    Args:
        url: The address.
        patience: Seconds for which a request is tried again, with growing pauses.
        body: Megabytes that a request sends at most, rounded up by the caller; it may take 4 seconds for each.

    Raises:
        RemoteError: obstore is not installed, or there are no credentials.
    """
    store = obstore_module().store
    address = parse_address(url)
    if address.scheme == "file":
        try:
            return store.LocalStore(prefix=Path(address.prefix), mkdir=True)
        except Exception as error:
            raise RemoteError(f"{url} cannot be made or opened; check the folder and its permissions") from error
    quiet = min(_READ_TIMEOUT, patience / 2)
    common = {
        "prefix": address.prefix or None,
        "client_options": {
            "allow_http": True,  # only an endpoint that the user names so has no TLS
            "connect_timeout": timedelta(seconds=min(5.0, patience / 2)),
            "read_timeout": timedelta(seconds=quiet + 4 * body),
            "timeout": timedelta(hours=1),
        },
        "retry_config": {
            "max_retries": 10,
            "retry_timeout": timedelta(seconds=patience),
            "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
        },
    }
    if address.scheme == "gs":
        return store.GCSStore(address.bucket, **common)
    if address.scheme == "az":
        return store.AzureStore(address.bucket, config=_azure_config(), **common)
    return store.S3Store(address.bucket, **_s3_options(url), **common)


def _azure_config() -> dict[str, Any]:
    """What the Azure tools take from the environment under other names than obstore; else the login of ``az``."""
    names = {
        "AZURE_STORAGE_ACCOUNT": "account_name",
        "AZURE_STORAGE_KEY": "account_key",
        "AZURE_STORAGE_SAS_TOKEN": "sas_key",
    }
    config: dict[str, Any] = {key: os.environ[name] for name, key in names.items() if os.environ.get(name)}
    own = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_KEY", "AZURE_CLIENT_ID", "AZURE_STORAGE_TOKEN")
    if len(config.keys() - {"account_name"}) == 0 and not any(map(os.environ.get, own)):
        config["use_azure_cli"] = True
    return config


def _s3_options(url: str) -> dict[str, Any]:
    """Endpoint and credentials as the AWS tools find them: the environment, profiles, SSO, roles of the machine."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = {"endpoint": endpoint} if endpoint else {}
    keys = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
    if keys or os.environ.get("AWS_SKIP_SIGNATURE"):
        return {"config": config}
    try:
        import boto3
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise RemoteError(_INSTALL) from error
    try:
        session = boto3.Session()
        provider = Boto3CredentialProvider(session)
        if not endpoint and (found := session.client("s3").meta.endpoint_url) and "amazonaws.com" not in found:
            config["endpoint"] = found  # a profile's endpoint_url
    except Exception as error:
        raise RemoteError(
            f"{url}: no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile in "
            "AWS_PROFILE, or run aws configure"
        ) from error
    return {"config": config, "credential_provider": provider}
