"""The connection to Redis, and how its errors become ours."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.settings import Settings

#: Seconds until a connection must stand.
CONNECT_SECONDS: Final = 2.0
#: Seconds until an answer must come.
ANSWER_SECONDS: Final = 5.0
#: Seconds of silence after which a connection is tried before it is used.
HEALTH_CHECK_SECONDS: Final = 15
#: Tries after the first, with waits of about 0.1 s to 1 s: a restart takes that long.
RETRIES: Final = 3

#: Prefix of every key of ours; the broker's keys beside them have none.
PREFIX: Final = "impasto:"


class RedisPipeline(Protocol):
    """Commands that are sent together, by default as one transaction."""

    def zadd(self, name: str, mapping: Mapping[str, float], /) -> object: ...
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
    def zrange(self, name: str, start: int, end: int) -> list[str]: ...
    def zrangebyscore(self, name: str, min: float | str, max: float | str) -> list[str]: ...
    def zrem(self, name: str, *values: str) -> int: ...
    def close(self) -> None: ...


def redis_address(settings: Settings) -> str:
    """Return the address of Redis; raises ServiceUnavailable when none is named."""
    if settings.redis_url is None:
        raise ServiceUnavailable(
            "No Redis is named: set IMPASTO_REDIS_URL, or start everything with `impasto up`."
        )
    return settings.redis_url.get_secret_value()


def connect_redis(settings: Settings) -> RedisClient:
    """Return a client of the Redis that the settings name; nothing is sent yet.

    It speaks text, may be shared by threads, and connects again by itself. Raises
    InvalidSettings for an address that cannot be one, ServiceUnavailable where none is named.
    """
    address = redis_address(settings)
    try:
        client = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            address,
            decode_responses=True,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_keepalive=True,
            health_check_interval=HEALTH_CHECK_SECONDS,
            retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=1.0), RETRIES),
        )
        # Options after the "?" of the address are checked only by a connection.
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (ValueError, TypeError):
        # Neither the address nor redis-py's error, which repeats parts of it: it holds a password.
        raise InvalidSettings(
            "IMPASTO_REDIS_URL is no address of a Redis, such as redis://:PASSWORD@HOST:6379/0 "
            "(in a password, write / as %2F and @ as %40)."
        ) from None
    return cast("RedisClient", client)


@contextmanager
def redis_errors() -> Generator[None]:
    """Turn redis-py's errors into ServiceUnavailable.

    All of them: away, loading its file after a restart, out of memory, read-only. None of them
    loses anything, and each passes.
    """
    try:
        yield
    except redis.RedisError as error:
        raise ServiceUnavailable(
            f"Redis cannot be used now ({type(error).__name__}); try again soon."
        ) from error
