"""When a job will end, and when it is removed. Pure rules."""

from typing import Final

from infra.jobs.domain.model import JobRecord, JobState

DAY_SECONDS: Final = 24 * 3600.0


def eta(record: JobRecord, now: float) -> float | None:
    """Return the seconds left at the pace since the start; None until a photo is finished."""
    finished = record.done + record.failed
    if record.state is not JobState.RUNNING or record.started is None or finished == 0:
        return None
    return max(now - record.started, 0.0) / finished * (record.spec.total - finished)


def expires(record: JobRecord, retention_days: float | None) -> float | None:
    """Return when a job is removed, seconds since the epoch; None while that is unknown."""
    if retention_days is None or record.finished is None:
        return None
    return record.finished + retention_days * DAY_SECONDS
