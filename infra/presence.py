"""Which workers are alive: each says so now and then, and is forgotten when it stops."""

import time
from collections.abc import Callable
from typing import Final

from infra.redis_client import PREFIX, RedisClient, redis_errors

WORKERS_KEY: Final = f"{PREFIX}workers"


class Presence:
    """Names of living workers, in a sorted set by the time at which each is given up."""

    def __init__(self, *, client: RedisClient, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock

    def announce(self, worker: str, seconds: float) -> None:
        """Say that a worker lives, good for `seconds`; raises ServiceUnavailable."""
        now = self._clock()
        with redis_errors(), self._client.pipeline() as together:
            together.zadd(WORKERS_KEY, {worker: now + seconds})
            together.zremrangebyscore(WORKERS_KEY, "-inf", now)
            together.execute()

    def leave(self, worker: str) -> None:
        """Say that a worker ends; raises ServiceUnavailable."""
        with redis_errors():
            self._client.zrem(WORKERS_KEY, worker)

    def workers(self) -> list[str]:
        """Return the workers alive; raises ServiceUnavailable."""
        with redis_errors():
            return self._client.zrangebyscore(WORKERS_KEY, self._clock(), "+inf")
