"""The connection to Redis, and how its errors become ours."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from infra.errors import ServiceUnavailable
from infra.redis.address import RedisAddress, redis_address
from infra.redis.faults import fault, wrong_kind
from infra.redis.options import SHORTEST_ANSWER
from infra.settings import Settings

#: Tries after the first, with waits of about 0.1 s to 1 s: a restart takes that long.
RETRIES: Final = 3

#: Seconds that a thread waits for a connection where an address limits them.
POOL_SECONDS: Final = 20

#: Prefix of every key of ours; the broker's keys beside them have none.
PREFIX: Final = "impasto:"


class RedisPipeline(Protocol):
    """Commands that are sent together, by default as one transaction."""

    def zadd(self, name: str, mapping: Mapping[str, float], /) -> object: ...
    def zrem(self, name: str, *values: str) -> object: ...
    def zremrangebyscore(self, name: str, low: float | str, high: float | str, /) -> object: ...
    def execute(self) -> list[object]: ...


class RedisClient(Protocol):
    """The part of redis-py's client that is used here, as it is with texts for answers.

    redis-py's own types say of every answer that it may have to be awaited.
    """

    def ping(self) -> object: ...
    def info(self) -> dict[str, Any]: ...
    def config_get(self, pattern: str) -> dict[str, str]: ...
    def config_set(self, name: str, value: str) -> object: ...
    def register_script(self, script: str) -> Callable[..., object]: ...
    def pipeline(self, transaction: bool = ...) -> AbstractContextManager[RedisPipeline]: ...
    def set(
        self, name: str, value: str, *, nx: bool = ..., px: int | None = ...
    ) -> bool | None: ...
    def exists(self, *names: str) -> int: ...
    def ttl(self, name: str) -> int: ...
    def llen(self, name: str) -> int: ...
    def hmget(self, name: str, keys: Sequence[str]) -> list[str | None]: ...
    def hincrby(self, name: str, key: str, amount: int) -> int: ...
    def hgetall(self, name: str) -> dict[str, str]: ...
    def hdel(self, name: str, *keys: str) -> int: ...
    def zadd(
        self, name: str, mapping: Mapping[str, float], nx: bool = ..., xx: bool = ...
    ) -> object: ...
    def zrange(self, name: str, start: int, end: int) -> list[str]: ...
    def zrangebyscore(self, name: str, min: float | str, max: float | str) -> list[str]: ...
    def zrem(self, name: str, *values: str) -> int: ...
    def close(self) -> None: ...


def connect_redis(settings: Settings, *, patient: bool = True) -> RedisClient:
    """Return a client of the Redis that the settings name; nothing is sent yet.

    It speaks text, may be shared by threads, and connects again by itself; one that is not
    `patient` tries nothing twice, and waits for an answer for SHORTEST_ANSWER seconds. Raises
    InvalidSettings for an address that cannot be one, ServiceUnavailable where none is named.
    """
    address = redis_address(settings)
    options: dict[str, Any] = {
        **address.options,
        **({} if patient else {"socket_timeout": SHORTEST_ANSWER}),
        "protocol": address.protocol,
        "decode_responses": True,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.1, cap=1.0), RETRIES if patient else 0),
        "connection_class": connection_class(address),
    }
    if address.max_connections is None:
        pool = redis.ConnectionPool(**options)
    else:  # threads wait for each other; an error would lose what one of them does
        pool = redis.BlockingConnectionPool(
            max_connections=address.max_connections, timeout=POOL_SECONDS, **options
        )
    return cast("RedisClient", redis.Redis.from_pool(pool))


def connection_class(address: RedisAddress) -> type[redis.Connection]:
    """Return redis-py's class for connections of an address's kind."""
    if address.scheme == "unix":
        return cast("type[redis.Connection]", redis.UnixDomainSocketConnection)
    return redis.SSLConnection if address.tls else redis.Connection


@contextmanager
def redis_errors() -> Generator[None]:
    """Turn redis-py's errors into ServiceUnavailable.

    All of them: away, loading its file after a restart, out of memory. None of them loses anything,
    and most pass; what is wrong with the settings is told as such.
    """
    try:
        yield
    except redis.RedisError as error:
        raise ServiceUnavailable(fault(error)) from error


def require_usable(client: RedisClient) -> None:
    """Raise ServiceUnavailable unless the server answers, and is one that can keep jobs."""
    with redis_errors():
        client.ping()
        try:
            info = client.info()
        except redis.ResponseError:  # not everybody may ask, and nothing else needs it
            return
    if (kind := wrong_kind(info)) is not None:
        raise ServiceUnavailable(kind)
