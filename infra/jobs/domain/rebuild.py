"""A lost record made anew from what S3 holds of an album. Pure rules."""

from collections.abc import Iterable

from infra.jobs.domain.model import Chunk, JobRecord, JobSpec, JobState, PhotoOutcome, Value
from infra.jobs.domain.outcomes import counted, fresh_outcomes
from infra.jobs.domain.rules import NEVER
from infra.jobs.domain.transitions import move, settle


class Attempt(Value):
    """The outcomes of a chunk in S3, up to its highest token."""

    chunk: int
    #: Of every file that was written, ascending.
    tokens: tuple[int, ...]
    outcomes: tuple[PhotoOutcome, ...]


def rebuild(spec: JobSpec, attempts: Iterable[Attempt], cancelled: bool, now: float) -> JobRecord:
    """Make the record anew from what S3 holds: each chunk's highest attempt, in any order.

    A chunk with all its outcomes is done; one with some is offered again with those. Tokens are
    times, so the lowest tells when the job started.
    """
    record = JobRecord(spec=spec)
    seen: set[int] = set()
    tokens: list[int] = []
    for attempt in attempts:
        seen.add(attempt.chunk)
        tokens += attempt.tokens
        chunk = Chunk(number=attempt.chunk, notified_at=NEVER)
        fresh = fresh_outcomes(spec, chunk, attempt.outcomes)
        record = counted(record, fresh.values())
        if len(fresh) < len(spec.indices(attempt.chunk)):
            record = record.with_chunk(chunk.model_copy(update={"items": fresh}))
    return _resumed(record, seen, tokens, cancelled, now)


def _resumed(
    record: JobRecord, seen: set[int], tokens: list[int], cancelled: bool, now: float
) -> JobRecord:
    cursor = max(seen, default=-1) + 1
    gaps = {n: Chunk(number=n, notified_at=NEVER) for n in range(cursor) if n not in seen}
    update = {"cursor": cursor, "active": {**record.active, **gaps}}
    if tokens:
        update |= {"last_token": max(tokens), "started": min(tokens) / 1_000_000}
        update |= {"state": JobState.RUNNING}
    record = record.model_copy(update=update)
    if cancelled:
        record = move(record, JobState.CANCELLING)
    return settle(record, now)
