"""Rules and adapters that are wrong in one way each. The machines must find every one of them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from infra.jobs.claims.album import ChunkClaims
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain import rules
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import Chunk, JobRecord, JobSpec, JobState, PhotoOutcome
from infra.jobs.domain.rebuild import Attempt, rebuild
from infra.jobs.domain.transitions import move
from infra.jobs.ports import JobStore, Notifier, RecordMissing
from infra.jobs.service import JobServices, connect_jobs
from infra.settings import Settings
from infra.storage.port import ObjectStore
from tests.fakes.jobs import Fuse, MemoryJobStore, Records
from tests.fakes.redis_records import RedisRecords
from tests.machines.jobs import JobMachine, StoppedJobMachine
from tests.machines.rules import Rules

T = TypeVar("T")


def report_whatever_the_token(
    record: JobRecord, number: int, token: int, *rest: object
) -> tuple[JobRecord, bool]:
    """Commit for whoever comes while anybody holds the chunk."""
    chunk = record.active.get(number)
    holder = chunk.lease.token if chunk and chunk.lease else token
    return rules.report(record, number, holder, *rest)  # pyright: ignore[reportArgumentType]


def claim_and_count(
    record: JobRecord, number: int, worker: str, now: float, ttl: float
) -> tuple[JobRecord, Chunk]:
    """Count the chunk's photos as they are delivered."""
    record, chunk = rules.claim(record, number, worker, now, ttl)
    photos = len(record.spec.indices(number)) - len(chunk.items)
    return record.model_copy(update={"done": record.done + photos}), chunk


def claim_by_counting(
    record: JobRecord, number: int, worker: str, now: float, ttl: float
) -> tuple[JobRecord, Chunk]:
    """Take the next number for a token: after a flush, numbers come again."""
    return rules.claim(record, number, worker, 0.0, now + ttl)


def sweep_only_the_unclaimed(
    record: JobRecord, now: float, patience: float
) -> tuple[JobRecord, list[int]]:
    """Never take a lease back."""
    held = {n: chunk for n, chunk in record.active.items() if chunk.lease}
    if held:
        return record, []
    return rules.sweep(record, now, patience)


def cancel_at_once(record: JobRecord, now: float) -> JobRecord:
    """Forget that a worker holds a chunk, and lose what it does meanwhile."""
    record = move(record, JobState.CANCELLING)
    return move(record, JobState.CANCELLED).model_copy(update={"finished": now})


def rebuild_with_recount(
    spec: JobSpec, attempts: Iterable[Attempt], cancelled: bool, now: float
) -> JobRecord:
    """Offer a chunk again from its first photo, though some were counted."""
    record = rebuild(spec, attempts, cancelled, now)
    emptied = {n: chunk.model_copy(update={"items": {}}) for n, chunk in record.active.items()}
    return record.model_copy(update={"active": emptied})


def rebuild_without_cancel(
    spec: JobSpec, attempts: Iterable[Attempt], cancelled: bool, now: float
) -> JobRecord:
    """Forget that somebody asked to cancel."""
    return rebuild(spec, attempts, cancelled and not spec.total, now)


def finish_with_photos_left(record: JobRecord, number: int, token: int, now: float) -> JobRecord:
    """Take a chunk in although some of its photos have no outcome."""
    chunk, _ = rules.held(record, number, token)
    left = [n for n in record.spec.indices(number) if n not in chunk.items]
    skipped = {n: PhotoOutcome(index=n, result="") for n in left}
    whole = chunk.model_copy(update={"items": {**chunk.items, **skipped}})
    record = record.model_copy(update={"active": {**record.active, number: whole}})
    return rules.finish_chunk(record, number, token, now)


BROKEN_RULES = {
    "commit without a look at the token": Rules(report=report_whatever_the_token),
    "count at delivery": Rules(claim=claim_and_count),
    "count tokens, not time": Rules(claim=claim_by_counting),
    "leases never end": Rules(sweep=sweep_only_the_unclaimed),
    "cancel forgets who is at work": Rules(cancel=cancel_at_once),
    "rebuild recounts": Rules(rebuild=rebuild_with_recount),
    "rebuild forgets the cancel": Rules(rebuild=rebuild_without_cancel),
    "chunk is taken in unfinished": Rules(finish_chunk=finish_with_photos_left),
}


class BlindStore(MemoryJobStore):
    """Writes what a rule made of a record although somebody else changed that meanwhile."""

    def change(self, job: str, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        before = self.load(job)
        if before is None:
            raise RecordMissing(job)
        after, answer = rule(before)
        self._fuse.burn()
        self.records[job] = after.model_dump_json()
        return answer


class BlindRedis(RedisRecords):
    """The same over Redis: the version that is compared is not the one of the record read."""

    def _write(self, job: str, version: str, before: str, record: JobRecord) -> bool:
        found = self._read(job)
        return super()._write(job, found[0] if found else version, before, record)


class HastyClaims(ChunkClaims):
    """Commits in Redis what S3 is only told afterwards."""

    def report(
        self,
        claim: ClaimedChunk,
        outcomes: Sequence[PhotoOutcome],
        in_flight: Collection[int] | None = None,
    ) -> None:
        super().report(claim, outcomes, in_flight)
        super()._write_outcomes(claim, outcomes)

    def _write_outcomes(self, claim: ClaimedChunk, fresh: Sequence[PhotoOutcome]) -> None:
        """Not yet."""


def connect_hasty_jobs(
    *,
    objects: ObjectStore,
    records: JobStore,
    notifier: Notifier,
    clock: Callable[[], float],
    settings: Settings,
) -> JobServices:
    """Put a job service together whose claims are hasty."""
    jobs = connect_jobs(
        objects=objects, records=records, notifier=notifier, clock=clock, settings=settings
    )
    hasty = HastyClaims(
        objects=objects,
        records=records,
        post_commit=PostCommit(objects=objects, records=records, notifier=notifier),
        clock=clock,
        settings=settings,
    )
    return replace(jobs, chunks=hasty)


class BlindStoreMachine(StoppedJobMachine):
    """Records that are written blindly, under processes that stop and go on."""

    def keep_records(self, fuse: Fuse) -> Records:
        return BlindStore(fuse)


class HastyMachine(JobMachine):
    """Hasty claims, under kills."""

    connect = staticmethod(connect_hasty_jobs)
