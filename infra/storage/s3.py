"""S3 through boto3: the object store of every deployment, embedded or not."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from typing import Any, BinaryIO, Final, Protocol, cast

from boto3.s3.transfer import TransferConfig  # pyright: ignore[reportMissingTypeStubs]
from boto3.session import Session  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    ClientError,
    InvalidRegionError,
)

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.settings import Settings
from infra.storage.port import ObjectInfo, ObjectUnavailable
from infra.storage.s3_errors import (
    NothingThere,
    connection_error,
    error_code,
    error_status,
    reading,
    store_error,
    translated,
)
from infra.storage.s3_integrity import etag_of, in_doubt

#: Connections kept to S3 by one process; above the threads that use them at once.
POOL_CONNECTIONS: Final = 32
#: Seconds until a connection must stand.
CONNECT_SECONDS: Final = 5
#: Seconds until the server must send something.
READ_SECONDS: Final = 30
#: Tries of one request in all, by botocore's standard retries.
ATTEMPTS: Final = 5
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


class S3Client(Protocol):
    """The part of boto3's client that is used here; boto3 itself has no types."""

    def put_object(self, **kwargs: object) -> Mapping[str, Any]: ...
    def upload_fileobj(
        self, file: BinaryIO, bucket: str, key: str, /, **kwargs: object
    ) -> None: ...
    def get_object(self, **kwargs: object) -> Mapping[str, Any]: ...
    def head_object(self, **kwargs: object) -> Mapping[str, Any]: ...
    def list_objects_v2(self, **kwargs: object) -> Mapping[str, Any]: ...
    def copy_object(self, **kwargs: object) -> Mapping[str, Any]: ...
    def delete_object(self, **kwargs: object) -> Mapping[str, Any]: ...
    def delete_objects(self, **kwargs: object) -> Mapping[str, Any]: ...
    def head_bucket(self, **kwargs: object) -> Mapping[str, Any]: ...
    def create_bucket(self, **kwargs: object) -> Mapping[str, Any]: ...
    def generate_presigned_url(self, method: str, /, **kwargs: object) -> str: ...


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

    def get(self, key: str) -> bytes:
        """Return the object's bytes; reads again where the body breaks off or was just replaced."""
        before = None
        for _ in range(BODY_ATTEMPTS):
            body, answer = self._read_whole(key)
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
            return self._read_whole(key, Range=f"bytes={start}-{stop - 1}")[0]
        except NothingThere:
            return b""

    def _read_whole(self, key: str, **options: str) -> tuple[bytes, Mapping[str, Any]]:
        """Return a body and the answer that it came with."""
        for _ in range(BODY_ATTEMPTS - 1):
            with reading(key):
                answer = self._ask(key, **options)
            with suppress(BotoCoreError):
                return b"".join(_pieces(answer, PART_BYTES)), answer
        with reading(key):
            answer = self._ask(key, **options)
            return b"".join(_pieces(answer, PART_BYTES)), answer

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
        """Yield objects below a prefix in key order, a page (1,000) at a time.

        Each once: a server that keeps its objects in files may list one that is being replaced
        under its old file and its new one.
        """
        options: dict[str, object] = {"StartAfter": start_after} if start_after else {}
        last = None
        while True:
            with translated(prefix):
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **options)
            for entry in page.get("Contents", ()):
                if entry["Key"] != last:
                    yield ObjectInfo(last := entry["Key"], entry["Size"], etag_of(entry))
            if not page.get("IsTruncated"):
                return
            options = {"ContinuationToken": page["NextContinuationToken"]}

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
        with translated(self._bucket):
            self._client.head_bucket(Bucket=self._bucket)

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there. Safe to repeat, and in two places at once."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error_code(error) not in _NO_BUCKET:
                raise store_error(self._bucket, error) from error
            self._create_bucket()
        except BotoCoreError as error:
            raise connection_error(error) from error

    def _create_bucket(self) -> None:
        place = {"LocationConstraint": self._region}
        # S3 refuses the name of its first region as a constraint.
        extra = {} if self._region == "us-east-1" else {"CreateBucketConfiguration": place}
        try:
            with translated(self._bucket):
                self._client.create_bucket(Bucket=self._bucket, **extra)
        except ServiceUnavailable:
            self.ping()  # somebody else made it meanwhile; otherwise this raises


def _pieces(answer: Mapping[str, Any], chunk_bytes: int) -> Iterator[bytes]:
    """Yield the body of an answer; botocore's own errors come through."""
    with closing(answer["Body"]) as body:
        # botocore compares the length with the header's: a short body raises.
        yield from body.iter_chunks(chunk_bytes)


def connect_s3(settings: Settings) -> S3Store:
    """Return the store that the settings name; nothing is sent yet.

    Without keys in the settings boto3 looks for them where it always does. Raises
    ServiceUnavailable when no S3 is named, InvalidSettings as `s3_client` does.
    """
    if settings.s3_endpoint is None:
        raise ServiceUnavailable(
            "No S3 is named: set IMPASTO_S3_ENDPOINT, or start everything with `impasto up`."
        )
    return S3Store(client=s3_client(settings), bucket=settings.s3_bucket, region=settings.s3_region)


def s3_client(settings: Settings) -> S3Client:
    """Return a client of the S3 that the settings name; its errors are botocore's own.

    Raises InvalidSettings where none can be made of them.
    """
    access, secret = settings.s3_access_key, settings.s3_secret_key
    with _settings_errors():
        client = cast("Any", Session()).client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=access.get_secret_value() if access else None,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=_config(),
        )
    return cast("S3Client", client)


@contextmanager
def _settings_errors() -> Generator[None]:
    """Turn boto3's errors about settings into InvalidSettings."""
    try:
        yield
    except InvalidRegionError as error:
        raise InvalidSettings(
            "IMPASTO_S3_REGION is no name of a region, such as us-east-1."
        ) from error
    except BotoCoreError as error:  # half a pair of keys, or of boto3's own environment
        raise InvalidSettings(f"S3 cannot be used with these settings: {error}") from error
    except ValueError:
        # Not from botocore's error, which repeats the address: it may hold a password.
        raise InvalidSettings(
            "IMPASTO_S3_ENDPOINT is no address of an S3, such as https://s3.example.com."
        ) from None


def _config() -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=POOL_CONNECTIONS,
        # Newer checksums than the request needs are not known to every server.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        tcp_keepalive=True,
    )
