"""The rules of a training: pure functions from one record to the next, beside those of `rules`.

A training is one chunk, number 0, that is worked in slices. Only its stages are counted; between
them it moves along a schedule, and a crash is forgiven as long as it moves.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

from infra.jobs.domain import deferral, rules
from infra.jobs.domain.model import Chunk, JobRecord, JobSpec, JobState, Problem, TrainingProgress
from infra.jobs.domain.transitions import move

#: The one chunk of a training.
CHUNK: Final = 0
#: Times that a trainer may be lost, without progress between, before the training is given up. More
#: than of a photo: there is no innocent neighbour to spare, and after a loss it takes up to a
#: checkpoint's distance until there is progress again, in which other causes may strike, too.
STRIKES: Final = 25


def claim(record: JobRecord, worker: str, now: float, ttl: float) -> tuple[JobRecord, int]:
    """Lease the training to a trainer for `ttl` seconds; returns the token.

    Raises NotClaimable, for an album too.
    """
    if record.spec.training is None:
        raise rules.NotClaimable(f"job {record.spec.id} is not a training")
    record, chunk = rules.claim(record, CHUNK, worker, now, ttl)
    flying = chunk.model_copy(update={"in_flight": (CHUNK,)})  # so that its loss is a strike
    return record.with_chunk(flying), record.last_token


def report_training(
    record: JobRecord, token: int, progress: TrainingProgress | None, now: float, ttl: float
) -> tuple[JobRecord, bool]:
    """Extend the lease and note progress; returns whether the caller is to go on.

    A place that lies before the known one is ignored. In a job that is being cancelled the lease
    stays until the trainer gives it back: it may be publishing a stage, and until that is over the
    job has not ended. Raises StaleLease when the token is not the lease's.
    """
    record = advance(record, token, progress)
    if record.cancelling:
        return record, False
    return rules.report(record, CHUNK, token, (), None, now, ttl)


def end_slice(
    record: JobRecord, token: int, progress: TrainingProgress | None, now: float
) -> JobRecord:
    """Give the training back without a strike, as `rules.give_back` does; raises StaleLease."""
    with suppress(rules.StaleLease):  # of a lease that was lost only the strike is taken back
        record = advance(record, token, progress)
    return rules.give_back(record, CHUNK, token, now)[0]


def defer(
    record: JobRecord, token: int, progress: TrainingProgress | None, now: float
) -> JobRecord:
    """Give the training back after a round in which S3 refused an object that it needs.

    Raises StaleLease.
    """
    record = advance(record, token, progress)
    return deferral.defer(record, CHUNK, token, [CHUNK], now)


def advance(record: JobRecord, token: int, progress: TrainingProgress | None) -> JobRecord:
    """Record progress. If the training moved forward, clear its strikes and retry rounds.

    Raises StaleLease.
    """
    chunk, _ = rules.held(record, CHUNK, token)
    if progress is None:
        return record
    if record.training is not None and progress.position > record.training.position:
        chunk = chunk.model_copy(update={"losses": {}, "retry_rounds": {}})
    newest = furthest(record.training, progress)
    return record.with_chunk(chunk).model_copy(update={"training": newest})


def furthest(known: TrainingProgress | None, progress: TrainingProgress) -> TrainingProgress:
    """Return the furthest progress: its place never runs backwards, its measurements are new.

    Places are repeated after a crash, and where the guard took a stage back.
    """
    if known is None or progress.position >= known.position:
        return progress
    place = {"stage", "iteration", "iteration_total"}
    return known.model_copy(update=progress.model_dump(exclude=place, exclude_none=True))


def publish_stage(record: JobRecord, token: int, stage: int) -> JobRecord:
    """Count a published stage, once; raises StaleLease, and ValueError for an unknown stage."""
    rules.held(record, CHUNK, token)
    if stage not in range(record.spec.total):
        raise ValueError(f"job {record.spec.id} has no stage {stage}")
    return _published(record, {*record.published, stage})


def finish_training(record: JobRecord, token: int, now: float) -> JobRecord:
    """End a training whose stages are all decided; those not published count as failed.

    It fails when none was published. Raises StaleLease.
    """
    rules.held(record, CHUNK, token)
    if record.cancelling:
        return rules.release(record, CHUNK, token, now)
    if record.done:
        return _ended(record, JobState.SUCCEEDED, None, now)
    error = Problem(
        type="no-stage-published",
        detail="No stage was good enough to be published; try a lower first ratio.",
    )
    return _ended(record, JobState.FAILED, error, now)


def fail_training(record: JobRecord, token: int, problem: Problem, now: float) -> JobRecord:
    """End a training that cannot go on; stages that are published stay. Raises StaleLease."""
    rules.held(record, CHUNK, token)
    if record.cancelling:
        return rules.release(record, CHUNK, token, now)
    return _ended(record, JobState.FAILED, problem, now)


def sweep(record: JobRecord, now: float, patience: float) -> tuple[JobRecord, list[int]]:
    """Sweep as `rules.sweep` does; gives up a training that takes down trainer after trainer."""
    record, late = rules.sweep(record, now, patience)
    chunk = record.active.get(CHUNK)
    if record.spec.training is None or chunk is None or record.state is not JobState.RUNNING:
        return record, late
    if chunk.strikes.get(CHUNK, 0) < STRIKES:
        return record, late
    error = Problem(
        type="training-crashes-worker",
        detail=f"The trainer went down {STRIKES} times in a row without progress. See its log; "
        "memory may be too small for this painting, batch or net.",
    )
    return _ended(record, JobState.FAILED, error, now), []


def rebuild(
    spec: JobSpec,
    *,
    published: Collection[int],
    tokens: Sequence[int],
    progress: TrainingProgress | None,
    cancelled: bool,
    now: float,
) -> JobRecord:
    """Make the record anew from what S3 holds: stages, slices (by their tokens), progress."""
    record = JobRecord(spec=spec, training=progress)
    record = _published(record, {stage for stage in published if stage < spec.total})
    if tokens or published:
        # Tokens are times, so the lowest tells when the job started.
        times = [token / 1_000_000 for token in tokens]
        chunk = Chunk(number=CHUNK, notified_at=rules.NEVER)
        update = {
            "state": JobState.RUNNING,
            "cursor": 1,
            "active": {CHUNK: chunk},
            "last_token": max(tokens, default=0),
            "started": min(times, default=spec.created),
        }
        record = record.model_copy(update=update)
    return rules.cancel(record, now) if cancelled else record


def eta(record: JobRecord) -> float | None:
    """Return the seconds left at the trainer's pace; None while that is unknown.

    So it is once the iterations are over: the last stage's pictures have no pace.
    """
    progress, config = record.training, record.spec.training
    if record.state is not JobState.RUNNING or progress is None or config is None:
        return None
    left = progress.iteration_total - progress.iteration
    if not progress.images_per_second or left <= 0:
        return None
    return left * config.batch / progress.images_per_second


def part_done(record: JobRecord) -> float:
    """Return how much of the schedule is done, 0..1."""
    if record.state is JobState.SUCCEEDED:
        return 1.0
    progress = record.training
    return min(progress.iteration / progress.iteration_total, 1.0) if progress else 0.0


def _published(record: JobRecord, stages: Collection[int]) -> JobRecord:
    return record.model_copy(update={"published": tuple(sorted(stages)), "done": len(stages)})


def _ended(record: JobRecord, state: JobState, error: Problem | None, now: float) -> JobRecord:
    update = {
        "active": dict[int, Chunk](),
        "failed": record.spec.total - record.done,
        "finished": now,
        "error": error,
    }
    return move(record, state).model_copy(update=update)
