"""What went wrong with a remote, in one line that holds no credentials."""

import re

from dreamgym.errors import RemoteError

_REASONS = (
    (
        r"NoSuchBucket|ContainerNotFound|bucket does not exist|InvalidBucketName",
        "there is no such bucket; make it, or check the address",
    ),
    (
        r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|AuthenticationFailed|AuthorizationFailure|InvalidToken"
        r"|ExpiredToken|Unauthenticated|PermissionDenied|401 Unauthorized|403 Forbidden",
        "the credentials were refused{code}; check them with the provider's own tool",
    ),
    (r"301 Moved|PermanentRedirect|BareRedirect", "the bucket lies in another region; set AWS_REGION to its region"),
    (r"status code: 5\d\d|SlowDown|ServiceUnavailable", "the server answers {status}"),
    (r"kind: Timeout|timed out|TimedOut", "the server does not answer"),
    (r"kind: Connect|error sending request|dns error", "the server cannot be reached; check the network and endpoint"),
    (
        r"GCP|metadata|Credential|credential|az account",
        "no credentials were found where the provider's own tools keep them",
    ),
    (
        r"Account must be specified",
        "the storage account is not known; name it in AZURE_STORAGE_ACCOUNT",
    ),
    (r"Permission denied|os error 13", "the folder cannot be written; check its permissions"),
    (r"No space left|os error 28", "the disk is full"),
)


class ConflictError(RemoteError):
    """The remote holds an object of that name and another content."""


class DamageError(RemoteError):
    """An object's length or checksum is wrong."""


class MissingObjectError(RemoteError):
    """The remote has no object of that name."""


def explain(error: BaseException) -> str:
    """An error of obstore in a few words."""
    text = f"{type(error).__name__} {error}"
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"status code: (5\d\d[ \w]*)", text)
    for pattern, reason in _REASONS:
        if re.search(pattern, text):
            return reason.format(
                code=f" ({code[1]})" if code else "", status=status[1].strip() if status else "that it is overloaded"
            )
    return f"{type(error).__name__}: {redact(str(error).split(chr(10))[0])}"


def redact(text: str) -> str:
    """A text without what follows ``?`` in addresses, and without the user's part of them."""
    text = re.sub(r"(\w+://[^\s?]*)\?\S*", r"\1", text)
    return re.sub(r"(\w+://)[^\s/@]+@", r"\1", text)


def is_missing(error: BaseException) -> bool:
    """Whether an object, not its bucket, is missing."""
    return isinstance(error, FileNotFoundError) and not re.search(_REASONS[0][0], str(error))
