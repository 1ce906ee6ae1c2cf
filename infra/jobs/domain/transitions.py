"""The states of a job: which transitions are legal, and when a job ends. Pure rules.

README.md of `infra/jobs` draws them, and says who may cause each.
"""

from typing import Final

from infra.jobs.domain.model import JobRecord, JobState, Problem

_LEGAL: Final = {
    JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLING},
    JobState.RUNNING: {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLING},
    JobState.CANCELLING: {JobState.CANCELLED},
}


class IllegalTransition(Exception):
    """The job or the chunk is in a state that does not allow this."""


def move(record: JobRecord, state: JobState) -> JobRecord:
    """Take the job to another state; raises IllegalTransition."""
    if state not in _LEGAL.get(record.state, ()):
        raise IllegalTransition(f"job {record.spec.id}: {record.state} cannot become {state}")
    return record.model_copy(update={"state": state})


def settle(record: JobRecord, now: float) -> JobRecord:
    """End the job when nothing of it is left to do, or nobody is left doing it."""
    if record.state is JobState.CANCELLING:
        if any(chunk.lease for chunk in record.active.values()):
            return record
        return move(record, JobState.CANCELLED).model_copy(update={"finished": now})
    if record.active or record.cursor < record.spec.chunks:
        return record
    return _ended(record, now)


def _ended(record: JobRecord, now: float) -> JobRecord:
    record = record.model_copy(update={"finished": now})
    if record.failed < record.spec.total:
        return move(record, JobState.SUCCEEDED)
    error = Problem(
        type="every-photo-failed",
        detail="No photo of the album could be worked; each item says why.",
    )
    return move(record, JobState.FAILED).model_copy(update={"error": error})
