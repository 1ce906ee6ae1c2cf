"""Outcomes are counted exactly once: a photo that has one keeps it. Pure rules."""

from collections.abc import Collection, Iterable

from infra.jobs.domain.model import Chunk, JobRecord, JobSpec, PhotoOutcome


def fresh_outcomes(
    spec: JobSpec, chunk: Chunk, outcomes: Iterable[PhotoOutcome]
) -> dict[int, PhotoOutcome]:
    """Return the outcomes that the chunk lacks, the first of each photo, and only its own."""
    fresh: dict[int, PhotoOutcome] = {}
    for outcome in outcomes:
        if outcome.index in spec.indices(chunk.number) and outcome.index not in chunk.items:
            fresh.setdefault(outcome.index, outcome)
    return fresh


def counted(record: JobRecord, fresh: Collection[PhotoOutcome]) -> JobRecord:
    """Return the record with fresh outcomes added to its counts."""
    failed = sum(outcome.error is not None for outcome in fresh)
    update = {"done": record.done + len(fresh) - failed, "failed": record.failed + failed}
    return record.model_copy(update=update)
