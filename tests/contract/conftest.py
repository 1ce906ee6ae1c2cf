"""Each store once as a fake and once over its real server, so that a test runs against both."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from infra.deployment import Deployment, connect
from infra.jobs.ports import JobStore
from infra.redis.client import RedisClient, connect_redis
from infra.redis.job_store import RedisJobStore
from infra.settings import Settings
from infra.storage.port import ObjectStore
from infra.storage.s3 import S3Store, connect_s3
from tests.contract.servers import fresh_settings, redis_command, running, s3_command
from tests.fakes.jobs import MemoryJobStore
from tests.fakes.storage import MemoryStore


@pytest.fixture(scope="session")
def settings() -> Settings:
    return fresh_settings()


@pytest.fixture(scope="session")
def redis_client(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisClient]:
    """A real Redis, empty when the session starts."""
    folder = tmp_path_factory.mktemp("redis")
    client = connect_redis(settings)
    with running(redis_command(settings, folder), client.ping, folder):
        yield client
        client.close()


@pytest.fixture(scope="session")
def s3_store(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Store]:
    """A real S3 with the bucket made."""
    folder = tmp_path_factory.mktemp("s3")
    objects = folder / "objects"
    objects.mkdir()
    store = connect_s3(settings)
    with running(s3_command(settings, objects), store.ensure_bucket, folder):
        yield store


@pytest.fixture
def deployment(settings: Settings, redis_client: RedisClient, s3_store: S3Store) -> Deployment:
    """A deployment over servers that hold nothing for it.

    A bucket of its own: the S3 server has once shown, empty and without an ETag, an object that was
    deleted some tests before.
    """
    cast("Redis", redis_client).flushall()
    bucket = f"{settings.s3_bucket}-{secrets.token_hex(4)}"
    made = connect(settings.model_copy(update={"s3_bucket": bucket}))
    made.objects.ensure_bucket()
    return made


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    """An object store; keys of earlier tests may lie in it, so tests use prefixes of their own."""
    if request.param == "memory":
        return MemoryStore()
    return request.getfixturevalue("s3_store")


@pytest.fixture(params=["memory", "redis"])
def records(request: pytest.FixtureRequest) -> JobStore:
    """A job store that holds nothing."""
    if request.param == "memory":
        return MemoryJobStore()
    client: Redis = request.getfixturevalue("redis_client")
    client.flushall()
    return RedisJobStore(client=cast("RedisClient", client))


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A key prefix that no other test uses."""
    return f"{tmp_path.parent.name}-{tmp_path.name}/"
