"""The meaning of S3's refusals: a missing object, one that S3 never serves, or an outage."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, cast

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    ClientError,
)
from urllib3.exceptions import HTTPError

from infra.errors import ServiceUnavailable
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectUnavailable

_MISSING: Final = {"404", "NoSuchKey", "NotFound"}

#: Codes of S3 for one object that it will not serve. `InvalidRequest` is for an object that needs a
#: key of its own to be read. A status of 400 alone is not enough: proxies and broken connections
#: cause it, and so do expired keys and requests.
_REFUSED: Final = {"InvalidObjectState", "InvalidRequest", "KeyTooLongError"}
#: A name that is too long for the server, with any code.
_REFUSED_STATUS: Final = {
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}
#: Seconds between the clocks from which servers refuse a request (15 minutes), less its own way.
REFUSED_SKEW_SECONDS: Final = 14 * 60.0


class NothingThere(Exception):
    """A range begins behind the end of its object."""


@contextmanager
def translated(key: str) -> Generator[None]:
    """Turn botocore's errors into the port's."""
    try:
        yield
    except ClientError as error:
        raise store_error(key, error) from error
    except (BotoCoreError, HTTPError) as error:
        # botocore lets urllib3's own error through where the body of a refusal breaks off.
        raise connection_error(error) from error


@contextmanager
def reading(key: str) -> Generator[None]:
    """Turn botocore's errors into the port's where it is an object that cannot be read."""
    try:
        with translated(key):
            yield
    except ServiceUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and _is_final(cause):
            raise ObjectRefused(key, error_code(cause)) from cause
        raise ObjectUnavailable(key, error.detail) from cause


def _is_final(error: ClientError) -> bool:
    return error_code(error) in _REFUSED or error_status(error) in _REFUSED_STATUS


def store_error(key: str, error: ClientError) -> Exception:
    """Return the port's error for a refusal."""
    if (code := error_code(error)) in _MISSING:
        return ObjectMissing(key)
    if code == "InvalidRange":
        return NothingThere()
    if seconds := _clocks_apart(error):
        return ServiceUnavailable(
            f"S3 answered {code}: its clock and that of this machine differ by {seconds:.0f} s; "
            "set both by NTP."
        )
    return ServiceUnavailable(f"S3 answered {code}; check its address, keys and bucket.")


def _clocks_apart(error: ClientError) -> float:
    """Return the seconds between the clocks where S3 refuses us for them; else 0.

    Servers have codes of their own for that, and a HEAD's answer has none: its date tells.
    """
    response = cast("dict[str, Any]", error.response)
    date = str(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
    try:
        seconds = abs(time.time() - parsedate_to_datetime(date).timestamp())
    except ValueError:
        return 0.0
    refused = error_status(error) in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)
    return seconds if refused and seconds > REFUSED_SKEW_SECONDS else 0.0


def no_bucket(bucket: str, refusal: str = "") -> str:
    """Say that the bucket is not there, and with which code S3 refused to make it."""
    made = f", and S3 did not make it for our key ({refusal})" if refusal else ""
    return (
        f"There is no bucket {bucket!r}{made}: make it, or name another one in IMPASTO_S3_BUCKET."
    )


def connection_error(error: BotoCoreError | HTTPError) -> ServiceUnavailable:
    """Return the port's error where there was no answer."""
    return ServiceUnavailable(f"S3 cannot be reached ({type(error).__name__}); try again soon.")


def error_code(error: ClientError) -> str:
    """Return S3's code for an error, such as `NoSuchKey`; the status where there is none."""
    response = cast("dict[str, dict[str, str]]", error.response)
    return response.get("Error", {}).get("Code", "")


def error_status(error: ClientError) -> int:
    """Return the HTTP status of S3's answer, 0 where it is not known."""
    response = cast("dict[str, dict[str, int]]", error.response)
    return response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
