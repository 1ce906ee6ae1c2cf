"""Live job records in Redis: one JSON document a job, changed only by compare-and-set.

The adapter knows no rule; all that Redis does is to compare a version and write.
"""

import random
import secrets
import time
from collections.abc import Callable
from typing import Final, TypeVar

from infra.errors import ServiceUnavailable
from infra.jobs.model import JobRecord
from infra.jobs.ports import RecordMissing
from infra.redis_client import PREFIX, RedisClient, redis_errors

T = TypeVar("T")

#: Tries of one change when others keep changing the record too.
CHANGE_TRIES: Final = 64
#: Seconds of the longest wait between two of them.
CHANGE_WAIT_SECONDS: Final = 0.05
#: Seconds that a sealed job's record stays; S3 answers after that.
SEALED_SECONDS: Final = 24 * 3600

OPEN_KEY: Final = f"{PREFIX}jobs:open"
EPOCH_KEY: Final = f"{PREFIX}epoch"
SWEEP_KEY: Final = f"{PREFIX}sweep"

#: KEYS record, open list; ARGV version, document, time of creation, job.
_CREATE: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'v', ARGV[1], 'doc', ARGV[2])
end
redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[4])
"""

#: KEYS record; ARGV version that was read, version to write, document.
_SWAP: Final = """
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'doc', ARGV[3])
return 1
"""


def record_key(job: str) -> str:
    """Return the key of a job's hash: `v`, its version, and `doc`, its JSON."""
    return f"{PREFIX}job:{job}"


class RedisJobStore:
    """The JobStore of every deployment. Threads may share it."""

    def __init__(
        self, *, client: RedisClient, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._create = client.register_script(_CREATE)
        self._swap = client.register_script(_SWAP)

    def create(self, record: JobRecord) -> None:
        """Keep the record and list the job as open; a record that exists stays as it is."""
        job = record.spec.id
        with redis_errors():
            self._create(
                keys=[record_key(job), OPEN_KEY],
                args=[_version(), _document(record), record.spec.created, job],
            )

    def load(self, job: str) -> JobRecord | None:
        """Return the record, None when there is none."""
        found = self._read(job)
        return None if found is None else JobRecord.model_validate_json(found[1])

    def change(self, job: str, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        """Apply a pure rule by compare-and-set; raises RecordMissing and what the rule raises.

        When the answer to a write is lost, the write is tried again and finds its own version:
        the rule then runs on its own outcome, which every rule must bear.
        """
        for attempt in range(CHANGE_TRIES):
            found = self._read(job)
            if found is None:
                raise RecordMissing(job)
            version, document = found
            after, answer = rule(JobRecord.model_validate_json(document))
            if self._write(job, version, document, _document(after)):
                return answer
            self._sleep(random.uniform(0, min(0.001 * 2**attempt, CHANGE_WAIT_SECONDS)))  # noqa: S311 - no secret
        raise ServiceUnavailable(f"Too many changes of job {job} at once; try again soon.")

    def _read(self, job: str) -> tuple[str, str] | None:
        with redis_errors():
            version, document = self._client.hmget(record_key(job), ["v", "doc"])
        return None if version is None or document is None else (version, document)

    def _write(self, job: str, version: str, before: str, after: str) -> bool:
        if before == after:
            return True
        with redis_errors():
            return bool(self._swap(keys=[record_key(job)], args=[version, _version(), after]))

    def open_jobs(self) -> list[str]:
        """Return every job that is not sealed, oldest first."""
        with redis_errors():
            return self._client.zrange(OPEN_KEY, 0, -1)

    def seal(self, job: str) -> None:
        """Take an ended job off the open list; its record goes by itself after a day."""
        # No transaction: a Redis that is full would refuse it, although it can do both steps.
        with redis_errors(), self._client.pipeline(transaction=False) as together:
            together.expire(record_key(job), SEALED_SECONDS)
            together.zrem(OPEN_KEY, job)
            together.execute()

    def sealed(self, job: str) -> bool:
        """Whether the job was sealed, so that its record goes by itself."""
        with redis_errors():
            return self._client.ttl(record_key(job)) >= 0

    def remove(self, job: str) -> None:
        """Forget the job at once."""
        with redis_errors(), self._client.pipeline(transaction=False) as together:
            together.delete(record_key(job))
            together.zrem(OPEN_KEY, job)
            together.execute()

    def remembers(self) -> bool:
        """Whether Redis still holds what `remember` left: False after a flush."""
        with redis_errors():
            return bool(self._client.exists(EPOCH_KEY))

    def remember(self) -> None:
        """Note that every open job has a record."""
        with redis_errors():
            self._client.set(EPOCH_KEY, _version())

    def take_turn(self, seconds: float) -> bool:
        """Return whether the caller may sweep: one in the deployment every so many seconds.

        It is a pace, not a lock: nothing is given back, nothing waits for a holder that died,
        and two sweeps at once do no harm.
        """
        with redis_errors():
            taken = self._client.set(SWEEP_KEY, "1", nx=True, px=max(int(seconds * 1000), 1))
        return bool(taken)


def _document(record: JobRecord) -> str:
    return record.model_dump_json(exclude_none=True)


def _version() -> str:
    """Return a version that never comes again, so that a record rebuilt after a flush cannot be
    taken for the one that was read before it."""
    return secrets.token_hex(8)
