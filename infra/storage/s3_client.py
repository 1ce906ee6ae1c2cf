"""The client of S3 that the settings ask for, and what is said where there can be none."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, Protocol, cast

from boto3.session import Session  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    BotoCoreError,
    InvalidRegionError,
)

from infra.errors import InvalidSettings
from infra.settings import Settings
from infra.storage.s3_address import check_address, own_machine

#: Connections kept to S3 by one process; above the threads that use them at once.
POOL_CONNECTIONS: Final = 32
#: Seconds until a connection must stand.
CONNECT_SECONDS: Final = 5
#: Seconds until the server must send something.
READ_SECONDS: Final = 30
#: Tries of one request in all, by botocore's standard retries.
ATTEMPTS: Final = 5

_NO_KEYS: Final = (
    "There are no keys for S3: set IMPASTO_S3_ACCESS_KEY and IMPASTO_S3_SECRET_KEY, or "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile of AWS."
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


def s3_client(settings: Settings) -> S3Client:
    """Return a client of the S3 that the settings name; its errors are botocore's own.

    Without keys in the settings boto3 looks for them where it always does. Raises InvalidSettings
    where no client can be made, or no keys are found.
    """
    access, secret = settings.s3_access_key, settings.s3_secret_key
    if (access is None) != (secret is None):
        raise InvalidSettings("Set both IMPASTO_S3_ACCESS_KEY and IMPASTO_S3_SECRET_KEY.")
    check_address(settings)
    with _settings_errors():
        session = cast("Any", Session())
        client = session.client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            aws_access_key_id=access.get_secret_value() if access else None,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            config=_config(settings),
        )
        # Else each request would look for keys again, and be taken for an outage.
        if access is None and session.get_credentials() is None:
            raise InvalidSettings(_NO_KEYS)
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


def _config(settings: Settings) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": settings.s3_addressing},
        # As the environment says, but not to this machine: a proxy would look for its own S3.
        proxies={} if own_machine(settings.s3_endpoint) else None,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=POOL_CONNECTIONS,
        # Newer checksums than the request needs are not known to every server.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        tcp_keepalive=True,
    )
