"""Addresses of Redis that are none; the client itself is tested over a real server."""

import traceback

import pytest
from pydantic import SecretStr

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.redis.client import connect_redis
from infra.settings import Settings


@pytest.mark.parametrize(
    "address",
    [
        "nonsense-SECRET",
        "http://:SECRET@127.0.0.1:9",
        "redis://:SECRET@127.0.0.1:port/0",
        "redis://:SECRET@127.0.0.1:99999/0",
        "redis://:SECRET/p@127.0.0.1:9/0",
        "redis://[SECRET",
        "redis://:SECRET@127.0.0.1:9/0?no_such_option=1",
        "redis://:SECRET@127.0.0.1:9/0?socket_timeout=soon",
    ],
)
def test_address_that_is_none_is_reported_without_its_password(address: str) -> None:
    """What a process ends with goes to its log."""
    with pytest.raises(InvalidSettings, match="IMPASTO_REDIS_URL") as caught:
        connect_redis(Settings(redis_url=SecretStr(address)))
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_no_address_is_reported_with_what_to_do() -> None:
    with pytest.raises(ServiceUnavailable, match="IMPASTO_REDIS_URL"):
        connect_redis(Settings(redis_url=None))
