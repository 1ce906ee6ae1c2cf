"""Live job records in Redis: one JSON document a job, changed only by compare-and-set.

The adapter knows no rule: Redis only compares a version and writes.
"""

import random
import secrets
import time
from collections.abc import Callable
from typing import Final, TypeVar

from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import JobRecord
from infra.jobs.ports import RecordMissing, Waiting, parse_record
from infra.redis.client import PREFIX, RedisClient, redis_errors

T = TypeVar("T")

#: Tries of one change when others keep changing the record too.
CHANGE_TRIES: Final = 64
#: Seconds of the longest wait between two of them.
CHANGE_WAIT_SECONDS: Final = 0.05
#: Seconds that a finalized job's record stays; S3 answers after that.
FINALIZED_SECONDS: Final = 24 * 3600

OPEN_KEY: Final = f"{PREFIX}jobs:open"
EPOCH_KEY: Final = f"{PREFIX}epoch"
SWEEP_KEY: Final = f"{PREFIX}sweep"
WAITING_KEY: Final = f"{PREFIX}waiting"

#: Shared by the scripts: KEYS record, open list, counts of waiting work. A record's hash carries
#: its part of the counts: `t` its tenant, `n` photos left, `b` bytes. A count at 0 is no field.
_COUNTING: Final = """
local function add(tenant, unit, by)
    if by == 0 then
        return  -- a negative 0, as Lua knows it, is no number to Redis
    end
    for _, whose in ipairs({tenant, ''}) do
        local field = whose .. '/' .. unit
        if redis.call('HINCRBY', KEYS[3], field, by) == 0 then
            redis.call('HDEL', KEYS[3], field)
        end
    end
end
local function count(record, sign)
    local held = redis.call('HMGET', record, 't', 'n', 'b')
    if held[1] then
        add(held[1], 'jobs', sign)
        add(held[1], 'photos', sign * held[2])
        add(held[1], 'bytes', sign * held[3])
    end
end
"""

#: ARGV version, document, photos left, time of creation, job, tenant, bytes, `e`: 1 once it ended.
_CREATE: Final = f"""{_COUNTING}
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'v', ARGV[1], 'doc', ARGV[2], 'n', ARGV[3], 't', ARGV[6],
        'b', ARGV[7], 'e', ARGV[8])
end
if redis.call('ZADD', KEYS[2], 'NX', ARGV[4], ARGV[5]) == 1 then
    count(KEYS[1], 1)
end
"""

#: ARGV version that was read, version to write, document, photos left, job, `e`.
_SWAP: Final = f"""{_COUNTING}
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then
    return 0
end
local held = redis.call('HMGET', KEYS[1], 't', 'n')
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'doc', ARGV[3], 'n', ARGV[4], 'e', ARGV[6])
if held[1] and held[2] ~= ARGV[4] and redis.call('ZSCORE', KEYS[2], ARGV[5]) then
    add(held[1], 'photos', ARGV[4] - held[2])
end
return 1
"""

#: ARGV job, seconds that the record stays, whether it goes though it has not ended.
_CLOSE: Final = f"""{_COUNTING}
if redis.call('HGET', KEYS[1], 'e') == '0' and ARGV[3] == '0' then
    return
end
if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then
    count(KEYS[1], -1)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

#: ARGV what comes before the job in a record's key.
_RECOUNT: Final = f"""{_COUNTING}
redis.call('DEL', KEYS[3])
for _, job in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    count(ARGV[1] .. job, 1)
end
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
        self._close = client.register_script(_CLOSE)
        self._recount = client.register_script(_RECOUNT)

    def create(self, record: JobRecord) -> None:
        """Keep the record and list the job as open; a record that exists stays as it is."""
        spec = record.spec
        place = [spec.created, spec.id, spec.tenant, spec.bytes, _ended(record)]
        with redis_errors():
            self._create(
                keys=_keys(spec.id),
                args=[_version(), _document(record), record.photos_left, *place],
            )

    def load(self, job: str) -> JobRecord | None:
        """Return the record, None when there is none; raises JobUnreadable."""
        found = self._read(job)
        return None if found is None else parse_record(record_key(job), found[1])

    def change(self, job: str, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        """Apply a pure rule by compare-and-set.

        Raises RecordMissing, JobUnreadable and what the rule raises.

        When the answer to a write is lost, the write is tried again and finds its own version:
        the rule then runs on its own outcome, which every rule must bear.
        """
        for attempt in range(CHANGE_TRIES):
            found = self._read(job)
            if found is None:
                raise RecordMissing(job)
            version, document = found
            after, answer = rule(parse_record(record_key(job), document))
            if self._write(job, version, document, after):
                return answer
            self._sleep(random.uniform(0, min(0.001 * 2**attempt, CHANGE_WAIT_SECONDS)))  # noqa: S311 - no secret
        raise ServiceUnavailable(f"Too many changes of job {job} at once; try again soon.")

    def _read(self, job: str) -> tuple[str, str] | None:
        with redis_errors():
            version, document = self._client.hmget(record_key(job), ["v", "doc"])
        return None if version is None or document is None else (version, document)

    def _write(self, job: str, version: str, before: str, record: JobRecord) -> bool:
        after = _document(record)
        if before == after:
            return True
        args = [version, _version(), after, record.photos_left, job, _ended(record)]
        with redis_errors():
            return bool(self._swap(keys=_keys(job), args=args))

    def open_jobs(self) -> list[str]:
        """Return every job that is not finalized, oldest first."""
        with redis_errors():
            return self._client.zrange(OPEN_KEY, 0, -1)

    def waiting(self, tenant: str) -> tuple[Waiting, Waiting]:
        """Return the open work of a tenant, and of all tenants."""
        fields = [f"{whose}/{unit}" for whose in (tenant, "") for unit in Waiting._fields]
        with redis_errors():
            counts = [int(count or 0) for count in self._client.hmget(WAITING_KEY, fields)]
        return Waiting(*counts[:3]), Waiting(*counts[3:])

    def recount(self) -> None:
        """Count the open work anew; after a loss the counts may be off."""
        with redis_errors():
            self._recount(keys=_keys(""), args=[record_key("")])

    def finalize(self, job: str) -> None:
        """Take an ended job off the open list; its record goes by itself after a day.

        A job that has not ended stays as it is.
        """
        with redis_errors():
            self._close(keys=_keys(job), args=[job, FINALIZED_SECONDS, 0])

    def finalized(self, job: str) -> bool:
        """Whether the job was finalized, so that its record goes by itself."""
        with redis_errors():
            return self._client.ttl(record_key(job)) >= 0

    def remove(self, job: str) -> None:
        """Forget the job at once."""
        with redis_errors():
            self._close(keys=_keys(job), args=[job, 0, 1])  # no time left deletes it

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


def _keys(job: str) -> list[str]:
    return [record_key(job), OPEN_KEY, WAITING_KEY]


def _ended(record: JobRecord) -> int:
    return int(record.state.terminal)


def _document(record: JobRecord) -> str:
    return record.model_dump_json(exclude_none=True)


def _version() -> str:
    """Return a version that never comes again, so that a record rebuilt after a flush cannot be
    taken for the one that was read before it."""
    return secrets.token_hex(8)
