"""The rules of a job: pure functions from one record to the next.

They have no clock and no network, and never change their arguments. Each is applied by
compare-and-set, so a rule may run more than once for one change: on the same record it must give
the same answer.
"""

from collections.abc import Collection, Iterable
from typing import Final

from infra.jobs.domain.model import (
    Chunk,
    JobRecord,
    JobState,
    Lease,
    PhotoOutcome,
)
from infra.jobs.domain.outcomes import counted, fresh_outcomes
from infra.jobs.domain.transitions import IllegalTransition, move, settle

#: `notified_at` of a chunk without any message yet: the next sweep sends one.
NEVER: Final = 0.0


class NotClaimable(Exception):
    """The chunk is done, leased, cancelled or was never offered: there is nothing to do."""


class StaleLease(Exception):
    """The chunk is no longer the caller's: stop working on it, and commit nothing."""


class JobCancelled(StaleLease):
    """The job is being cancelled: the chunk was taken back, or a training is to be given back."""


def offer(record: JobRecord, now: float, window: int) -> tuple[JobRecord, list[int]]:
    """Fill the job's window of offered chunks; returns the chunks to notify of."""
    if record.state not in (JobState.QUEUED, JobState.RUNNING):
        return record, []
    end = min(record.cursor + max(window - len(record.active), 0), record.spec.chunks)
    fresh = {n: Chunk(number=n, notified_at=now) for n in range(record.cursor, end)}
    if not fresh:
        return record, []
    update = {"cursor": end, "active": {**record.active, **fresh}}
    return record.model_copy(update=update), list(fresh)


def claim(
    record: JobRecord, number: int, worker: str, now: float, ttl: float
) -> tuple[JobRecord, Chunk]:
    """Lease an offered chunk to a worker for `ttl` seconds; raises NotClaimable.

    The token grows with every claim and follows the clock (microseconds), so it stays above
    every earlier one even when Redis forgot them.
    """
    chunk = record.active.get(number)
    if chunk is None or chunk.lease is not None or record.state.terminal or record.cancelling:
        raise NotClaimable(f"chunk {number} of job {record.spec.id}")
    token = max(record.last_token + 1, int(now * 1_000_000))
    lease = Lease(token=token, worker=worker, expires=now + ttl)
    leased = chunk.model_copy(
        update={"lease": lease, "attempts": chunk.attempts + 1, "in_flight": ()}
    )
    if record.state is JobState.QUEUED:
        record = move(record, JobState.RUNNING).model_copy(update={"started": now})
    return record.with_chunk(leased).model_copy(update={"last_token": token}), leased


def report(
    record: JobRecord,
    number: int,
    token: int,
    outcomes: Iterable[PhotoOutcome],
    in_flight: Collection[int] | None,
    now: float,
    ttl: float,
) -> tuple[JobRecord, bool]:
    """Commit outcomes exactly once and extend the lease; returns whether the caller keeps it.

    A photo that has an outcome keeps it. `in_flight` names the photos at work from now on; None
    leaves them as they are. In a job that is being cancelled the outcomes are kept and the lease
    is taken back. Raises StaleLease when the token is not the chunk's.
    """
    chunk, lease = held(record, number, token)
    fresh = fresh_outcomes(record.spec, chunk, outcomes)
    flying = chunk.in_flight if in_flight is None else tuple(sorted(in_flight))
    chunk = chunk.model_copy(
        update={
            "lease": lease.model_copy(update={"expires": now + ttl}),
            "items": {**chunk.items, **fresh},
            "in_flight": tuple(n for n in flying if n not in chunk.items and n not in fresh),
        }
    )
    record = counted(record.with_chunk(chunk), fresh.values())
    if not record.cancelling:
        return record, True
    return settle(record.with_chunk(_freed(chunk, now)), now), False


def finish_chunk(record: JobRecord, number: int, token: int, now: float) -> JobRecord:
    """Drop a chunk whose photos all have an outcome; the last one ends the job.

    Raises StaleLease when the token is not the chunk's, IllegalTransition when a photo is left.
    """
    chunk, _ = held(record, number, token)
    if left := [n for n in record.spec.indices(number) if n not in chunk.items]:
        raise IllegalTransition(f"chunk {number} of job {record.spec.id} has {len(left)} left")
    active = {n: other for n, other in record.active.items() if n != number}
    return settle(record.model_copy(update={"active": active}), now)


def release(record: JobRecord, number: int, token: int, now: float) -> JobRecord:
    """Give a chunk back without a strike; raises StaleLease when it is not the caller's."""
    chunk, _ = held(record, number, token)
    return settle(record.with_chunk(_freed(chunk, now)), now)


def give_back(
    record: JobRecord, number: int, token: int, now: float
) -> tuple[JobRecord, list[int]]:
    """Give a chunk back, or, when its lease was lost before, take the strikes of that loss back.

    Whoever comes back to say so did not go down: it was stopped for a while, or cut off from
    Redis, and no photo is to blame. Returns the chunks to notify of. Raises StaleLease when there
    is neither a lease nor a loss of that token.
    """
    chunk = record.active.get(number)
    if chunk is None or token not in chunk.losses or record.state.terminal:
        return release(record, number, token, now), [number]
    losses = {other: photos for other, photos in chunk.losses.items() if other != token}
    return record.with_chunk(chunk.model_copy(update={"losses": losses})), []


def cancel(record: JobRecord, now: float) -> JobRecord:
    """Ask the job to stop; it is cancelled at once when no worker holds a chunk of it.

    Asking again changes nothing. Raises IllegalTransition when the job has ended.
    """
    if record.state is JobState.CANCELLING:
        return record
    return settle(move(record, JobState.CANCELLING), now)


def sweep(record: JobRecord, now: float, patience: float) -> tuple[JobRecord, list[int]]:
    """Take back chunks whose lease ran out, and find the unclaimed ones.

    Every photo that was in flight in a lost lease gets a strike, until the lease's holder is
    heard of again (`give_back`). Returns the chunks to notify of: the lost ones, and those
    unclaimed for `patience` seconds.
    """
    if record.state.terminal:
        return record, []
    chunks = [swept for chunk in record.active.values() if (swept := _swept(chunk, now, patience))]
    if not chunks:
        return record, []
    for chunk in chunks:
        record = record.with_chunk(chunk)
    record = settle(record, now)
    return record, [] if record.cancelling else [chunk.number for chunk in chunks]


def stuck(record: JobRecord, now: float, patience: float, grace: float) -> list[tuple[int, float]]:
    """Return the chunks that sweeps should have moved, and since when each lies still.

    Those unclaimed for `patience` seconds, and those whose lease ran out `grace` seconds ago.
    """
    lying = [
        (chunk.number, chunk.lease.expires if chunk.lease else chunk.notified_at, bool(chunk.lease))
        for chunk in record.active.values()
    ]
    return [
        (number, since)
        for number, since, leased in lying
        if now - since >= (grace if leased else patience)
    ]


def lost(before: JobRecord, after: JobRecord) -> list[int]:
    """Return the chunks whose lease a sweep took back."""
    return [
        n
        for n, chunk in before.active.items()
        if chunk.lease and not (n in after.active and after.active[n].lease)
    ]


def held(record: JobRecord, number: int, token: int) -> tuple[Chunk, Lease]:
    """Return the chunk and its lease if the token is the lease's; raises StaleLease.

    A lease that ran out still counts until the chunk is taken back: the work is good.
    """
    chunk = record.active.get(number)
    lease = chunk.lease if chunk else None
    if chunk is None or lease is None or lease.token != token or record.state.terminal:
        raise StaleLease(f"chunk {number} of job {record.spec.id}, token {token}")
    return chunk, lease


def _freed(chunk: Chunk, now: float) -> Chunk:
    return chunk.model_copy(update={"lease": None, "in_flight": (), "notified_at": now})


def _swept(chunk: Chunk, now: float, patience: float) -> Chunk | None:
    """Return the chunk as the sweep leaves it; None when there is nothing to do."""
    if chunk.lease is None:
        late = now - chunk.notified_at >= patience
        return chunk.model_copy(update={"notified_at": now}) if late else None
    if chunk.lease.expires > now:
        return None
    lost = {chunk.lease.token: chunk.in_flight} if chunk.in_flight else {}
    return _freed(chunk, now).model_copy(update={"losses": {**chunk.losses, **lost}})
