"""Objects as a remote lists them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """An object in a remote."""

    name: str  # its path below the remote, with slashes
    size: int  # bytes
    tag: str  # changes with the content; the MD5 for objects of S3 and Google that were put in one request

    @property
    def listed_md5(self) -> str:
        """The MD5 where the tag looks like one, else empty. Encrypted buckets have tags that only look like it."""
        return match[1] if (match := re.fullmatch(r'"?([0-9a-f]{32})"?', self.tag)) else ""


def is_hidden(name: str) -> bool:
    """Whether a part of a path begins with a dot. Locks, partial files and checksums do, and stay where they are."""
    return any(part.startswith(".") for part in name.split("/"))
