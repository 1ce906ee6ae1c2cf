"""Settings that no S3 client can be made of are told at once, with what to set."""

import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.settings import Settings
from infra.storage.s3 import connect_s3
from infra.storage.s3_client import s3_client

#: A pair, so that boto3 does not look for another one.
KEYS = {"s3_access_key": "AKIA", "s3_secret_key": "s"}


def test_no_address_is_reported_with_what_to_do() -> None:
    with pytest.raises(ServiceUnavailable, match="IMPASTO_S3_ENDPOINT"):
        connect_s3(Settings(s3_endpoint=None))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"s3_endpoint": "nonsense"}, "IMPASTO_S3_ENDPOINT"),
        ({"s3_endpoint": "http://user:hunter2@bad host"}, "IMPASTO_S3_ENDPOINT"),
        ({"s3_endpoint": "s3://albums"}, "IMPASTO_S3_ENDPOINT"),
        ({"s3_endpoint": "http://127.0.0.1:99999"}, "IMPASTO_S3_ENDPOINT"),
        ({"s3_endpoint": "http://127.0.0.1:9/?region=x"}, "IMPASTO_S3_ENDPOINT"),
        ({"s3_endpoint": "http://AKIA:hunter2@127.0.0.1:9"}, "IMPASTO_S3_SECRET_KEY"),
        ({"s3_endpoint": "http://127.0.0.1:9", "s3_bucket": "my/photos"}, "IMPASTO_S3_BUCKET"),
        ({"s3_endpoint": "http://127.0.0.1:9", "s3_region": "bad region"}, "IMPASTO_S3_REGION"),
        ({"s3_endpoint": "http://127.0.0.1:9", "s3_secret_key": None}, "IMPASTO_S3_SECRET_KEY"),
    ],
)
def test_settings_that_no_client_can_be_made_of_are_reported(
    settings: Mapping[str, str | None], fault: str
) -> None:
    with pytest.raises(InvalidSettings, match=fault) as caught:
        connect_s3(Settings.model_validate({**KEYS, **settings}))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://s3.example.com/albums",
        "https://s3.example.com/albums/",
        "https://albums.s3.eu-central-1.amazonaws.com",
        "https://albums.s3-accelerate.amazonaws.com",
    ],
)
def test_address_that_names_the_bucket_too_is_refused(endpoint: str) -> None:
    """Keys would lie in a folder of the bucket's name, and a list would be read as an object."""
    with pytest.raises(InvalidSettings, match="names the bucket 'albums' too"):
        connect_s3(
            Settings.model_validate({**KEYS, "s3_endpoint": endpoint, "s3_bucket": "albums"})
        )


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://s3.eu-central-1.amazonaws.com",
        "https://gateway.example.com/storage/v1/s3",
        "https://albums.example.com",  # an S3 that is called as its bucket
        "http://[::1]:9000",
    ],
)
def test_address_that_some_s3_has_is_taken(endpoint: str) -> None:
    connect_s3(Settings.model_validate({**KEYS, "s3_endpoint": endpoint, "s3_bucket": "albums"}))


def test_bucket_is_named_where_the_s3_wants_it() -> None:
    """In the path, which nearly every server reads, or in the host's name."""

    def address(addressing: str) -> str:
        settings = {"s3_endpoint": "https://s3.example.com", "s3_addressing": addressing}
        client = s3_client(Settings.model_validate({**KEYS, **settings, "s3_bucket": "albums"}))
        place = {"Bucket": "albums", "Key": "a.jpg"}
        return client.generate_presigned_url("get_object", Params=place).partition("?")[0]

    assert address("path") == "https://s3.example.com/albums/a.jpg"
    assert address("virtual") == "https://albums.s3.example.com/a.jpg"


def test_no_keys_anywhere_are_reported_with_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At once: by itself botocore says so at each request, and that looks like an outage."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings = Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key=None, s3_secret_key=None)
    with pytest.raises(InvalidSettings, match="IMPASTO_S3_ACCESS_KEY and IMPASTO_S3_SECRET_KEY"):
        connect_s3(settings)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    connect_s3(settings)
