"""Where files are kept besides the disk, as a setting of commands."""

from dataclasses import dataclass

from dreamgym.storage.remote import Remote


@dataclass(frozen=True)
class RemoteSettings:
    """Where files are kept too. An address that is none raises a RemoteError before anything is touched."""

    remote: str | None = None
    """Where files are kept too: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder; the
    experiment's, if not given. Names in it are the paths below the experiment's folder, or else below this one. Workers
    of a cluster read and write episodes and latents there, and they are not fetched."""

    def __post_init__(self) -> None:
        if self.remote is not None:
            Remote(self.remote)  # checks the address
