"""What `impasto up` says of where everything is kept."""

from pathlib import Path

from pydantic import SecretStr

from infra.settings import Settings
from infra.stack.foreground import describe_stores
from infra.stack.programs import API, REDIS, STORAGE

DATA = Path("/srv/impasto")
NAMED = Settings(
    redis_url=SecretStr("redis://:SECRET@cache.example:6380/2?protocol=3"),
    s3_endpoint="https://key:SECRET@s3.example.com:9000",
    s3_bucket="albums",
)


def test_embedded_stores_are_the_data_folder() -> None:
    told = describe_stores(NAMED, {API: 1, REDIS: 2, STORAGE: 3}, DATA)
    assert "/srv/impasto" in told
    assert "jobs, photos, paintings, styles" in told
    assert "example" not in told


def test_named_stores_are_reported_instead_without_their_passwords() -> None:
    told = describe_stores(NAMED, {API: 1}, DATA)
    assert "redis  redis://cache.example:6380/2" in told
    assert "s3     https://s3.example.com:9000, bucket albums" in told
    assert "SECRET" not in told
    assert "embedded" not in told
    assert "it continues here next time" not in told


def test_one_named_store_stands_beside_the_embedded_one() -> None:
    told = describe_stores(NAMED, {API: 1, REDIS: 2}, DATA)
    assert "redis  embedded" in told
    assert "s3     https://s3.example.com:9000, bucket albums" in told
    told = describe_stores(NAMED, {API: 1, STORAGE: 3}, DATA)
    assert "s3     embedded" in told
    assert "redis  redis://cache.example:6380/2" in told
