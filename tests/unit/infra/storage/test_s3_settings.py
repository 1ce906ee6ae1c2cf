"""Settings that no S3 client can be made of are told at once, with what to set."""

import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.settings import Settings
from infra.storage.s3 import connect_s3

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
