"""The job store of every deployment over a real Redis, which a test may break between commands."""

from collections.abc import Callable
from typing import cast

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from infra.jobs.domain.model import JobRecord
from infra.redis.client import RedisClient
from infra.redis.job_store import OPEN_KEY, RedisJobStore
from tests.fakes.jobs import Fuse


class FusedRedis:
    """A client of Redis whose every command and script is one effect of a fuse."""

    def __init__(self, client: RedisClient, fuse: Fuse, down: Callable[[], bool]) -> None:
        self._client = client
        self._fuse = fuse
        self._down = down

    def register_script(self, script: str) -> Callable[..., object]:
        return self._fused(self._client.register_script(script))

    def __getattr__(self, name: str) -> Callable[..., object]:
        return self._fused(getattr(self._client, name))

    def _fused(self, command: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **options: object) -> object:
            self._fuse.burn()
            if self._down():
                raise RedisConnectionError("Redis is down (in this test).")
            answer = command(*args, **options)
            self._fuse.burn(late=True)
            return answer

        return run


class RedisRecords(RedisJobStore):
    """Records in a Redis that is this test's alone."""

    def __init__(self, client: RedisClient, fuse: Fuse) -> None:
        self.down = False
        self._plain = RedisJobStore(client=client)
        self._server = cast("Redis", client)
        fused = FusedRedis(client, fuse, lambda: self.down)
        super().__init__(client=cast("RedisClient", fused), sleep=lambda _: None)
        self.flush()

    def flush(self) -> None:
        """Forget everything."""
        self._server.flushdb()

    def forget_open_list(self) -> None:
        """Lose the list of open jobs alone."""
        self._server.delete(OPEN_KEY)

    def peek(self, job: str) -> JobRecord | None:
        """Return a record, None when there is none."""
        return self._plain.load(job)
