"""Servers that answer as a Redis does, and cannot keep jobs: told by doctor and readiness."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr
from redis import Redis

from infra.doctor import examine
from infra.errors import ServiceUnavailable
from infra.redis.client import connect_redis, require_usable
from infra.settings import Settings
from infra.stack.ports import free_port
from tests.contract.servers import fresh_settings, program, redis_command, running


@contextmanager
def redis_of(kind: str, folder: Path, primary: Settings) -> Iterator[str]:
    """Run a server of this kind; yields its address."""
    settings = fresh_settings()
    command = redis_command(settings, folder)
    assert settings.redis_url
    assert primary.redis_url
    url = settings.redis_url.get_secret_value()
    to = primary.redis_url.get_secret_value().rpartition("/")[0].rpartition(":")[2]
    if kind == "cluster":
        command += ["--cluster-enabled", "yes"]
    elif kind == "replica":
        command += ["--replicaof", "127.0.0.1", to]
    else:
        port = free_port()
        url = f"redis://127.0.0.1:{port}/0"
        config = folder / "sentinel.conf"
        config.write_text(f"port {port}\ndir {folder}\nsentinel monitor us 127.0.0.1 {to} 1\n")
        command = [program("redis-server"), str(config), "--sentinel"]
    client = Redis.from_url(url)
    with running(command, client.ping, folder):
        yield url
    client.close()


@pytest.mark.parametrize(
    ("kind", "told"),
    [("cluster", "a Cluster"), ("sentinel", "a Sentinel"), ("replica", "a replica")],
)
def test_redis_that_cannot_keep_jobs_is_reported(
    settings: Settings, redis_client: object, tmp_path: Path, kind: str, told: str
) -> None:
    """Each answers a PING, and readiness and doctor took it for well."""
    del redis_client  # it runs, for the replica to copy
    with redis_of(kind, tmp_path, settings) as url:
        chosen = settings.model_copy(update={"redis_url": SecretStr(url)})
        [finding] = [one.finding for one in examine(chosen) if one.finding.part == "redis"]
        client = connect_redis(chosen)
        with pytest.raises(ServiceUnavailable) as caught:
            require_usable(client)
        client.close()
    assert (finding.check, finding.about) == ("redis-kind", "")
    assert told in finding.detail
    assert told in caught.value.detail


def test_redis_that_stands_alone_is_usable(any_redis: object) -> None:
    require_usable(cast("object", any_redis))  # pyright: ignore[reportArgumentType]


def test_user_without_rights_and_wrong_password_are_reported_apart(
    settings: Settings, redis_client: object
) -> None:
    cast("Redis", redis_client).acl_setuser(
        "guest", enabled=True, passwords=["+word"], commands=["+ping", "+info"], keys=["none"]
    )
    assert settings.redis_url
    url = settings.redis_url.get_secret_value()

    def told(user: str) -> str:
        address = SecretStr(url.replace("redis://", f"redis://{user}@"))
        found = examine(settings.model_copy(update={"redis_url": address}))
        return " ".join(one.finding.detail for one in found if one.finding.part == "redis")

    assert "refuses our user or password" in told("guest:wrong")
    assert "runs no script" in told("guest:word")
    cast("Redis", redis_client).acl_deluser("guest")
