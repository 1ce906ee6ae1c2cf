"""S3 through boto3: the object store of every deployment, embedded or not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from typing import Any, BinaryIO, Final

from boto3.s3.transfer import TransferConfig  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    ClientError,
)
from urllib3.exceptions import HTTPError

from infra.errors import ServiceUnavailable
from infra.settings import Settings
from infra.storage.port import ObjectInfo, ObjectTooLarge, ObjectUnavailable, check_start
from infra.storage.s3_client import S3Client, s3_client
from infra.storage.s3_errors import (
    NothingThere,
    connection_error,
    error_code,
    error_status,
    no_bucket,
    reading,
    store_error,
    translated,
)
from infra.storage.s3_integrity import etag_of, in_doubt

#: Tries to read one body: botocore retries requests, not what breaks off after its headers.
BODY_ATTEMPTS: Final = 3
#: Keys in one delete request, S3's limit.
DELETE_KEYS: Final = 1000
#: Bytes from which a file goes up in parts, and the size of a part.
PART_BYTES: Final = 8 * 1024 * 1024

_NO_BUCKET: Final = {"404", "NoSuchBucket", "NotFound"}

#: One thread a file: a part at a time is in memory, and the callers are threads already.
_TRANSFER: Final = TransferConfig(
    multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False
)


class S3Store:
    """Objects of one bucket. Threads may share it.

    Every method raises ServiceUnavailable when S3 cannot be reached or refuses, after botocore's
    retries; a missing key is ObjectMissing, one object that cannot be read ObjectUnavailable, and
    one that S3 will not hand out ObjectRefused, as the port says.
    """

    def __init__(self, *, client: S3Client, bucket: str, region: str = "us-east-1") -> None:
        self._client = client
        self._bucket = bucket
        self._region = region

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        """Write or replace an object; a file goes up in parts from its current position."""
        extra = {"ContentType": content_type} if content_type else {}
        with translated(key):
            if isinstance(body, bytes):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, **extra)
            else:
                self._client.upload_fileobj(
                    body, self._bucket, key, ExtraArgs=extra, Config=_TRANSFER
                )

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return the object's bytes; reads again where the body breaks off or was just replaced."""
        before = None
        for _ in range(BODY_ATTEMPTS):
            body, answer = self._read_whole(key, limit)
            # Read twice alike, it is the object, whatever its ETag means.
            if body == before or not in_doubt(body, answer):
                return body
            before = body
        raise ObjectUnavailable(key, f"{key!r} is replaced again and again; try again soon.")

    def get_range(self, key: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`, as `get` returns all."""
        if stop <= start:
            return b""
        try:
            return self._read_whole(key, None, Range=f"bytes={start}-{stop - 1}")[0]
        except NothingThere:
            return b""

    def _read_whole(
        self, key: str, limit: int | None, **options: str
    ) -> tuple[bytes, Mapping[str, Any]]:
        """Return a body and the answer that it came with; raises ObjectTooLarge."""
        for _ in range(BODY_ATTEMPTS - 1):
            with reading(key):
                answer = self._ask(key, **options)
            with suppress(BotoCoreError):
                return _body(key, answer, limit), answer
        with reading(key):
            answer = self._ask(key, **options)
            return _body(key, answer, limit), answer

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the object's bytes in pieces; the request is made at once."""
        with reading(key):
            pieces = _pieces(self._ask(key), chunk_bytes)

        def guarded() -> Iterator[bytes]:
            with reading(key):
                yield from pieces

        return guarded()

    def _ask(self, key: str, **options: str) -> Mapping[str, Any]:
        return self._client.get_object(Bucket=self._bucket, Key=key, **options)

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag."""
        with reading(key):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_status(error) != HTTPStatus.BAD_REQUEST:
                    raise
                # The answer to a HEAD has a status and no code: a GET has one, or succeeds.
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                answer["Body"].close()
        return ObjectInfo(key, answer["ContentLength"], etag_of(answer))

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield objects below a prefix, a page (1,000) at a time, as the port says.

        Each once: a server that keeps its objects in files may list one that is being replaced
        under its old file and its new one.
        """
        if start_after:
            check_start(prefix, start_after)
            pages = self._pages(prefix, {"StartAfter": start_after}, Delimiter="/")
        else:
            pages = self._pages(prefix)
        last = None
        for page in pages:
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                # Compared here too: a server that does not know StartAfter lists from the start.
                if key != last and key.encode() > start_after.encode():
                    yield ObjectInfo(last := key, entry["Size"], etag_of(entry))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, a page (1,000) at a time."""
        last = None
        for page in self._pages(prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                name = entry["Prefix"].removeprefix(prefix).removesuffix("/")
                if name != last:
                    yield (last := name)

    def _pages(
        self, prefix: str, start: Mapping[str, object] | None = None, **options: object
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a listing; `start` is where it begins."""
        options |= {"Bucket": self._bucket, "Prefix": prefix}
        where = start or {}
        while True:
            with translated(prefix):
                page = self._client.list_objects_v2(**options, **where)
            yield page
            if not page.get("IsTruncated"):
                return
            where = {"ContinuationToken": page["NextContinuationToken"]}

    def copy(self, source: str, key: str) -> None:
        """Write or replace an object by what another one holds, inside S3."""
        place = {"Bucket": self._bucket, "Key": source}
        with reading(source):
            self._client.copy_object(Bucket=self._bucket, Key=key, CopySource=place)

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""
        with translated(key):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def delete_prefix(self, prefix: str) -> None:
        """Remove every object below a prefix, a thousand a request."""
        keys: list[str] = []
        for info in self.list(prefix):
            keys.append(info.key)
            if len(keys) == DELETE_KEYS:
                self._delete_many(keys)
                keys = []
        if keys:
            self._delete_many(keys)

    def _delete_many(self, keys: Sequence[str]) -> None:
        requested = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with translated(keys[0]):
            answer = self._client.delete_objects(Bucket=self._bucket, Delete=requested)
        if errors := answer.get("Errors"):
            first = errors[0]
            raise ServiceUnavailable(f"S3 did not delete {first['Key']!r}: {first.get('Code')}.")

    def ping(self) -> None:
        """Raise ServiceUnavailable when S3 or the bucket cannot be reached."""
        if not self._bucket_there():
            raise ServiceUnavailable(no_bucket(self._bucket))

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there. Safe to repeat, and in two places at once."""
        if not self._bucket_there():
            self._create_bucket()

    def _bucket_there(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error_code(error) in _NO_BUCKET:
                return False
            raise store_error(self._bucket, error) from error
        except (BotoCoreError, HTTPError) as error:
            raise connection_error(error) from error
        return True

    def _create_bucket(self) -> None:
        place = {"LocationConstraint": self._region}
        # S3 refuses the name of its first region as a constraint.
        extra = {} if self._region == "us-east-1" else {"CreateBucketConfiguration": place}
        try:
            self._client.create_bucket(Bucket=self._bucket, **extra)
        except ClientError as error:
            if not self._bucket_there():  # else somebody made it meanwhile
                raise ServiceUnavailable(no_bucket(self._bucket, error_code(error))) from error
        except (BotoCoreError, HTTPError) as error:
            raise connection_error(error) from error


def _body(key: str, answer: Mapping[str, Any], limit: int | None) -> bytes:
    """Return the whole body of an answer; raises ObjectTooLarge."""
    if limit is not None and (size := answer["ContentLength"]) > limit:
        answer["Body"].close()
        raise ObjectTooLarge(key, size)
    return b"".join(_pieces(answer, PART_BYTES))


def _pieces(answer: Mapping[str, Any], chunk_bytes: int) -> Iterator[bytes]:
    """Yield the body of an answer; botocore's own errors come through."""
    with closing(answer["Body"]) as body:
        # botocore compares the length with the header's: a short body raises.
        yield from body.iter_chunks(chunk_bytes)


def connect_s3(settings: Settings) -> S3Store:
    """Return the store that the settings name; nothing is sent to it yet.

    Raises ServiceUnavailable when no S3 is named, InvalidSettings as `s3_client` does.
    """
    if settings.s3_endpoint is None:
        raise ServiceUnavailable(
            "No S3 is named: set IMPASTO_S3_ENDPOINT, or start everything with `impasto up`."
        )
    return S3Store(client=s3_client(settings), bucket=settings.s3_bucket, region=settings.s3_region)
