"""The registry of living workers: each announces itself, and is forgotten when it stops.

Beside it stand those that live and take no work, for as long as they say so.
"""

import time
from collections.abc import Callable
from typing import Final

from infra.redis.client import PREFIX, RedisClient, redis_errors

WORKERS_KEY: Final = f"{PREFIX}workers"
TRAINERS_KEY: Final = f"{PREFIX}trainers"


class WorkerRegistry:
    """Names of living workers, in a sorted set by the time at which each is given up.

    `key` is the set's: workers and trainers have one each.
    """

    def __init__(
        self,
        *,
        client: RedisClient,
        clock: Callable[[], float] = time.time,
        key: str = WORKERS_KEY,
    ) -> None:
        self._client = client
        self._clock = clock
        self._key = key
        self._deaf_key = f"{key}:deaf"

    def announce(self, worker: str, seconds: float, *, deaf: bool = False) -> None:
        """Register a worker as alive for `seconds`; raises ServiceUnavailable.

        `deaf`: it does not listen for messages.
        """
        now = self._clock()
        with redis_errors(), self._client.pipeline() as together:
            together.zadd(self._key, {worker: now + seconds})
            together.zremrangebyscore(self._key, "-inf", now)
            if deaf:
                together.zadd(self._deaf_key, {worker: now + seconds})
            else:
                together.zrem(self._deaf_key, worker)
            together.zremrangebyscore(self._deaf_key, "-inf", now)
            together.execute()

    def leave(self, worker: str) -> None:
        """Take a worker out; raises ServiceUnavailable."""
        with redis_errors():
            self._client.zrem(self._key, worker)
            self._client.zrem(self._deaf_key, worker)

    def alive(self) -> list[str]:
        """Return the names of the workers alive; raises ServiceUnavailable."""
        with redis_errors():
            return self._client.zrangebyscore(self._key, self._clock(), "+inf")

    def deaf(self) -> list[str]:
        """Return the names of those among them that take no work; raises ServiceUnavailable."""
        with redis_errors():
            return self._client.zrangebyscore(self._deaf_key, self._clock(), "+inf")

    def consuming(self) -> list[str]:
        """Return the names of those alive that take work; raises ServiceUnavailable."""
        deaf = set(self.deaf())
        return [worker for worker in self.alive() if worker not in deaf]
