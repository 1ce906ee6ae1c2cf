"""Checks of S3: keys, clocks, and one object written, read, listed, presigned and deleted."""

import secrets
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, cast

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    ClientError,
)

from infra.doctor.finding import Finding
from infra.errors import ServiceUnavailable
from infra.storage.s3 import S3Store
from infra.storage.s3_address import own_machine
from infra.storage.s3_client import S3Client
from infra.storage.s3_errors import error_code, error_status

#: Seconds that the clocks may differ; S3 refuses signatures from 15 minutes on.
SKEW_SECONDS: Final = 60.0
#: Seconds until a presigned address must answer.
PRESIGNED_SECONDS: Final = 15
#: Where the probes write, and clear away.
PROBES: Final = "doctor/"

_SKEWED: Final = {"RequestTimeTooSkewed"}
_NO_BUCKET: Final = {"404", "NoSuchBucket", "NotFound"}

#: Steps that cannot work where another one did not, and would hide it among their own troubles.
_NEEDS: Final = {
    "s3-read": {"s3-write"},
    "s3-list": {"s3-write"},
    "s3-presign": {"s3-write", "s3-read"},
    "s3-delete": {"s3-write"},
}


class S3Checks:
    """Tries every operation that Impasto needs on an object of its own."""

    def __init__(
        self,
        *,
        client: S3Client,
        store: S3Store,
        bucket: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._store = store
        self._bucket = bucket
        self._clock = clock
        #: Whether S3 answers us at all; known after `run`.
        self.usable = False

    def run(self) -> Iterator[Finding]:
        """Yield the problems of S3; when a listing fails, nothing else is tried."""
        try:
            answer = self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        except ClientError as error:
            # First: whatever a server calls it, it may refuse a signature by its time alone.
            skew = self._skew(cast("Mapping[str, Any]", error.response))
            if skew:
                yield skew
            if not skew or error_code(error) in _NO_BUCKET:
                yield self._cannot_list(error)
            return
        except BotoCoreError as error:
            yield self._cannot_list(error)
            return
        self.usable = True
        if skew := self._skew(answer):
            yield skew
        # A presigned address ends by the clock: another clock is all that its failure would tell.
        left_out = {"s3-presign"} if skew else set[str]()
        key, body = f"{PROBES}{secrets.token_hex(8)}", secrets.token_bytes(64)
        yield from self._try_object(key, body, left_out)

    def _cannot_list(self, error: ClientError | BotoCoreError) -> Finding:
        if isinstance(error, BotoCoreError):
            return _finding(
                "s3-unreachable",
                f"S3 cannot be reached ({type(error).__name__}: {error}).",
                "Start it, or name it in IMPASTO_S3_ENDPOINT.",
            )
        code = error_code(error)
        if code in _SKEWED:
            return _clock_skew("more than S3 allows")
        if code in _NO_BUCKET:
            return _finding(
                "s3-bucket-missing",
                f"There is no bucket {self._bucket!r}.",
                "Make it, or name another one in IMPASTO_S3_BUCKET.",
                self._store.ensure_bucket,
            )
        if error_status(error) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return _finding(
                "s3-key-wrong",
                f"S3 refuses our key ({code}).",
                "Set IMPASTO_S3_ACCESS_KEY and IMPASTO_S3_SECRET_KEY to a key that may read, "
                f"write, list and delete in the bucket {self._bucket!r}.",
            )
        return _finding("s3-list", f"S3 does not list ({code}).", "Look at the log of S3.")

    def _skew(self, answer: Mapping[str, Any]) -> Finding | None:
        """Compare the clocks; None for an answer without a date."""
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        date = str(headers.get("date", ""))
        try:
            seconds = self._clock() - parsedate_to_datetime(date).timestamp()
        except ValueError:
            return None
        return _clock_skew(f"{seconds:+.0f} s") if abs(seconds) > SKEW_SECONDS else None

    def _try_object(self, key: str, body: bytes, left_out: set[str]) -> Iterator[Finding]:
        place = {"Bucket": self._bucket, "Key": key}
        steps: tuple[tuple[str, Callable[[], bool]], ...] = (
            ("s3-write", lambda: bool(self._client.put_object(Body=body, **place))),
            ("s3-read", lambda: self._client.get_object(**place)["Body"].read() == body),
            ("s3-list", lambda: [info.key for info in self._store.list(key)] == [key]),
            ("s3-presign", lambda: self._fetch_presigned(place) == body),
            ("s3-delete", lambda: bool(self._client.delete_object(**place))),
        )
        failed: set[str] = set()
        for check, step in steps:
            if check in left_out or failed & _NEEDS.get(check, set()):
                continue
            if not (trouble := _trouble(step)):
                continue
            failed.add(check)
            yield _finding(
                check,
                f"{check.removeprefix('s3-').capitalize()} does not work: {trouble}.",
                "Let the key read, write, list and delete in the bucket; see the log of S3.",
            )

    def _fetch_presigned(self, place: dict[str, str]) -> bytes:
        address = self._client.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
        # As the client has it: no proxy to this machine, else what the environment names.
        proxies: dict[str, str] | None = {} if own_machine(address) else None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        with opener.open(address, timeout=PRESIGNED_SECONDS) as answer:
            return answer.read()


def _trouble(step: Callable[[], bool]) -> str | None:
    """Take a step and describe its failure in a few words; None if it works."""
    try:
        return None if step() else "it gives something else"
    except ClientError as error:
        return error_code(error)
    except ServiceUnavailable as error:
        return error.detail
    except (BotoCoreError, OSError) as error:
        return f"{type(error).__name__}: {error}"


def _clock_skew(much: str) -> Finding:
    return _finding(
        "clock-skew",
        f"The clocks of this machine and of S3 differ: {much}.",
        "Set both by NTP; S3 refuses requests from 15 minutes on.",
    )


def _finding(
    check: str, detail: str, advice: str, repair: Callable[[], object] | None = None
) -> Finding:
    return Finding(check=check, part="s3", detail=detail, advice=advice, repair=repair)
