"""What every job store must do: the memory fake, and every Redis."""

import threading
from typing import cast

import pytest
from redis import Redis

from infra.errors import JobUnreadable, ServiceUnavailable
from infra.jobs.domain.model import JobRecord, JobSpec, JobState
from infra.jobs.ports import JobStore, RecordMissing
from infra.redis.client import RedisClient
from infra.redis.job_store import FINALIZED_SECONDS, OPEN_KEY, RedisJobStore, record_key


def record(job: str = "job-1", created: float = 1.0) -> JobRecord:
    spec = JobSpec(
        id=job,
        tenant="t",
        style="s",
        blend=(),
        total=10,
        chunk_photos=2,
        created=created,
        bytes=100,
    )
    return JobRecord(spec=spec)


def ended(job: str = "job-1") -> JobRecord:
    return record(job).model_copy(update={"state": JobState.CANCELLED})


def count(before: JobRecord) -> tuple[JobRecord, int]:
    """A rule: one more photo is done."""
    return before.model_copy(update={"done": before.done + 1}), before.done + 1


def end(before: JobRecord) -> tuple[JobRecord, None]:
    """A rule: the job is over."""
    return before.model_copy(update={"state": JobState.CANCELLED}), None


def test_created_record_is_loaded_as_it_was(records: JobStore) -> None:
    records.create(record())
    assert records.load("job-1") == record()
    assert records.load("job-2") is None


def test_creating_again_changes_nothing(records: JobStore) -> None:
    """A rebuild must never overwrite a record that moved on."""
    records.create(record())
    records.change("job-1", count)
    records.create(record())
    loaded = records.load("job-1")
    assert loaded
    assert loaded.done == 1
    assert records.open_jobs() == ["job-1"]


def test_rule_decides_what_is_written_and_answered(records: JobStore) -> None:
    records.create(record())
    assert records.change("job-1", count) == 1
    assert records.change("job-1", count) == 2


def test_rule_that_raises_writes_nothing(records: JobStore) -> None:
    def refuse(before: JobRecord) -> tuple[JobRecord, None]:
        raise ValueError(before.state)

    records.create(record())
    with pytest.raises(ValueError, match="queued"):
        records.change("job-1", refuse)
    assert records.load("job-1") == record()


def test_change_of_a_missing_record_is_record_missing(records: JobStore) -> None:
    with pytest.raises(RecordMissing):
        records.change("job-1", count)


def test_open_jobs_come_oldest_first(records: JobStore) -> None:
    for job, created in [("b", 2.0), ("c", 3.0), ("a", 1.0)]:
        records.create(record(job, created))
    assert records.open_jobs() == ["a", "b", "c"]


def test_finalized_job_is_not_open_but_known(records: JobStore) -> None:
    records.create(ended())
    records.finalize("job-1")
    records.finalize("job-1")
    assert records.open_jobs() == []
    assert records.load("job-1") == ended()


def test_job_that_has_not_ended_is_not_finalized(records: JobStore) -> None:
    """A flush may have brought it back to life since the caller looked."""
    records.create(record())
    records.finalize("job-1")
    assert records.open_jobs() == ["job-1"]
    assert not records.finalized("job-1")
    assert records.waiting("t")[0].jobs == 1
    records.change("job-1", lambda _: (ended(), None))
    records.finalize("job-1")
    assert records.open_jobs() == []


def test_only_a_finalized_job_counts_as_finalized(records: JobStore) -> None:
    assert not records.finalized("job-1")
    records.create(ended())
    assert not records.finalized("job-1")
    records.finalize("job-1")
    assert records.finalized("job-1")
    records.remove("job-1")
    assert not records.finalized("job-1")


def test_removed_job_is_forgotten(records: JobStore) -> None:
    records.create(record())
    records.remove("job-1")
    assert records.load("job-1") is None
    assert records.open_jobs() == []


def test_store_remembers_until_it_is_flushed(records: JobStore) -> None:
    assert not records.remembers()
    records.remember()
    assert records.remembers()


def waiting_of(records: JobStore) -> dict[str, tuple[int, int, int]]:
    """What waits of tenant t, of nobody, and of all."""
    own, everybody = records.waiting("t")
    nobody, _ = records.waiting("nobody")
    return {"t": own, "nobody": nobody, "all": everybody}


def test_a_job_that_holds_nothing_any_more_is_finalized_in_one_go(records: JobStore) -> None:
    """Nothing times minus one is a negative zero, which Redis takes for no number."""
    whole = ended("job-1")
    bare = whole.model_copy(update={"spec": whole.spec.model_copy(update={"bytes": 0})})
    records.create(bare)
    records.finalize("job-1")
    assert records.open_jobs() == []
    assert records.waiting("t") == ((0, 0, 0), (0, 0, 0))


def test_what_waits_is_counted_from_creation_to_seal(records: JobStore) -> None:
    nothing = {"t": (0, 0, 0), "nobody": (0, 0, 0), "all": (0, 0, 0)}
    assert waiting_of(records) == nothing
    for job in ("job-1", "job-1", "job-2"):
        records.create(record(job))
    assert waiting_of(records) == nothing | {"t": (2, 20, 200), "all": (2, 20, 200)}
    records.change("job-1", count)
    assert waiting_of(records) == nothing | {"t": (2, 19, 200), "all": (2, 19, 200)}
    records.change("job-1", end)
    for _ in range(2):
        records.finalize("job-1")
        assert waiting_of(records) == nothing | {"t": (1, 10, 100), "all": (1, 10, 100)}
    records.change("job-1", count)
    records.remove("job-1")
    records.remove("job-2")
    assert waiting_of(records) == nothing


@pytest.fixture
def redis_client(any_redis: RedisClient) -> RedisClient:
    """Every kind, one after another."""
    return any_redis


@pytest.fixture
def redis_store(redis_client: RedisClient) -> RedisJobStore:
    return RedisJobStore(client=redis_client)


def test_finalized_record_goes_after_a_day(
    redis_store: RedisJobStore, redis_client: RedisClient
) -> None:
    redis_store.create(ended())
    redis_store.finalize("job-1")
    left = cast("int", cast("Redis", redis_client).ttl(record_key("job-1")))
    assert FINALIZED_SECONDS - 60 < left <= FINALIZED_SECONDS


def test_a_full_redis_still_seals_and_forgets(
    redis_store: RedisJobStore, redis_client: RedisClient
) -> None:
    """Otherwise what fills it would stay for ever."""
    for job in ("job-1", "job-2"):
        redis_store.create(ended(job))
    cast("Redis", redis_client).config_set("maxmemory", "1")
    try:
        with pytest.raises(ServiceUnavailable):
            redis_store.create(record("job-3"))
        redis_store.finalize("job-1")
        redis_store.remove("job-2")
        assert redis_store.open_jobs() == []
        assert redis_store.load("job-2") is None
    finally:
        cast("Redis", redis_client).config_set("maxmemory", "0")


def test_counts_that_are_off_are_counted_anew(
    redis_store: RedisJobStore, redis_client: RedisClient
) -> None:
    """As when the open list was lost alone: its jobs are listed, and counted, again."""
    redis_store.create(record())
    cast("Redis", redis_client).delete(OPEN_KEY)
    redis_store.create(record())
    assert waiting_of(redis_store)["t"] == (2, 20, 200)
    redis_store.recount()
    assert waiting_of(redis_store)["t"] == waiting_of(redis_store)["all"] == (1, 10, 100)


def test_nothing_stays_in_redis_of_jobs_that_are_removed(
    redis_store: RedisJobStore, redis_client: RedisClient
) -> None:
    for number in range(5):
        redis_store.create(record(f"job-{number}"))
        redis_store.change(f"job-{number}", count)
        redis_store.change(f"job-{number}", end)
    for number in range(5):
        redis_store.finalize(f"job-{number}")
        redis_store.remove(f"job-{number}")
    assert cast("Redis", redis_client).keys("*") == []


def test_damaged_record_is_named_and_stays_as_it_is(
    redis_store: RedisJobStore, redis_client: RedisClient
) -> None:
    """Another version's process may be able to read it."""
    redis_store.create(record())
    cast("Redis", redis_client).hset(record_key("job-1"), "doc", "{")
    with pytest.raises(JobUnreadable, match=record_key("job-1")):
        redis_store.load("job-1")
    with pytest.raises(JobUnreadable, match="in Redis"):
        redis_store.change("job-1", count)
    assert cast("Redis", redis_client).hget(record_key("job-1"), "doc") == "{"


def test_changes_of_many_threads_all_count(redis_store: RedisJobStore) -> None:
    """Nothing is lost between reading and writing."""
    redis_store.create(record())
    threads = [
        threading.Thread(target=lambda: [redis_store.change("job-1", count) for _ in range(25)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = redis_store.load("job-1")
    assert loaded
    assert loaded.done == 200


def test_record_rebuilt_meanwhile_is_not_taken_for_the_one_read(
    redis_store: RedisJobStore,
) -> None:
    """A flush and a rebuild between read and write: the rule must see the new record."""
    redis_store.create(record())
    seen: list[JobState] = []

    def rule(before: JobRecord) -> tuple[JobRecord, None]:
        if not seen:
            redis_store.remove("job-1")
            redis_store.create(record().model_copy(update={"state": JobState.RUNNING}))
        seen.append(before.state)
        return before.model_copy(update={"done": 1}), None

    redis_store.change("job-1", rule)
    assert seen == [JobState.QUEUED, JobState.RUNNING]
    loaded = redis_store.load("job-1")
    assert loaded
    assert (loaded.state, loaded.done) == (JobState.RUNNING, 1)


def test_one_turn_to_sweep_at_a_time(redis_store: RedisJobStore) -> None:
    assert redis_store.take_turn(60)
    assert not redis_store.take_turn(60)
