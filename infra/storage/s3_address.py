"""The address and the bucket of an S3: what can be said of them before anything is sent."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from infra.errors import InvalidSettings
from infra.loopback import is_loopback
from infra.settings import Settings

_NO_ADDRESS: Final = "IMPASTO_S3_ENDPOINT is no address of an S3, such as https://s3.example.com."
#: As botocore has it, which is wider than the rules for new buckets of AWS.
_BUCKET: Final = re.compile(r"[a-zA-Z0-9._-]{1,255}")


def check_address(settings: Settings) -> None:
    """Raise InvalidSettings for an address or a bucket that no S3 has.

    An address that names the bucket too would go unnoticed: all keys would lie in a folder of the
    bucket's name, and lists of them would be read as an object.
    """
    parts = _parts(settings.s3_endpoint)
    bucket = settings.s3_bucket
    if not _BUCKET.fullmatch(bucket):
        raise InvalidSettings(
            "IMPASTO_S3_BUCKET is no name of a bucket: it has letters, digits, hyphens and dots, "
            "and no folder."
        )
    if parts is None:
        return
    if parts.username or parts.password:
        raise InvalidSettings(
            "IMPASTO_S3_ENDPOINT holds a user or password; keys for S3 go into "
            "IMPASTO_S3_ACCESS_KEY and IMPASTO_S3_SECRET_KEY."
        )
    if parts.path.strip("/") == bucket or _is_buckets_own(parts.hostname or "", bucket):
        raise InvalidSettings(
            f"IMPASTO_S3_ENDPOINT names the bucket {bucket!r} too: leave it out, "
            "IMPASTO_S3_BUCKET has it."
        )


def _parts(endpoint: str | None) -> SplitResult | None:
    if endpoint is None:
        return None
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        port = parts.port  # raises for one that is no number
    except ValueError:
        # From None: the error of parsing may repeat what holds a password.
        raise InvalidSettings(_NO_ADDRESS) from None
    if not good or port == 0 or parts.query or parts.fragment:
        raise InvalidSettings(_NO_ADDRESS)
    return parts


def _is_buckets_own(host: str, bucket: str) -> bool:
    return host.endswith(".amazonaws.com") and host.startswith((f"{bucket}.s3.", f"{bucket}.s3-"))


def own_machine(endpoint: str | None) -> bool:
    """Whether an S3 is on this machine, where no proxy leads."""
    return endpoint is not None and is_loopback(urlsplit(endpoint).hostname or "")
