"""What the service shows of a job to its two users: the API, and a worker with a claim."""

from dataclasses import dataclass
from enum import StrEnum

from infra.jobs import rules
from infra.jobs.model import JobRecord, JobSpec, JobState, PhotoEntry, PhotoOutcome, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job at one moment. Times are seconds since the epoch."""

    id: str
    tenant: str
    kind: str
    state: JobState
    style: str
    strength: float
    total: int
    done: int
    failed: int
    #: Seconds left at the pace so far; None when nobody can know.
    eta_seconds: float | None
    created: float
    started: float | None
    finished: float | None
    error: Problem | None

    @property
    def progress(self) -> float:
        """Photos that are done or failed, as a part of all, 0..1."""
        return (self.done + self.failed) / self.total


def job_view(record: JobRecord, now: float) -> JobView:
    """Show a job by its record."""
    spec = record.spec
    return JobView(
        id=spec.id,
        tenant=spec.tenant,
        kind=spec.kind,
        state=record.state,
        style=spec.style,
        strength=spec.strength,
        total=spec.total,
        done=record.done,
        failed=record.failed,
        eta_seconds=rules.eta(record, now),
        created=spec.created,
        started=record.started,
        finished=record.finished,
        error=record.error,
    )


class ItemState(StrEnum):
    """Where one photo is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One photo of a job at one moment; `outcome` is set once it is done or failed."""

    index: int
    name: str
    state: ItemState
    outcome: PhotoOutcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedChunk:
    """A worker's hold on one chunk: what it must work, and under which token."""

    spec: JobSpec
    number: int
    token: int
    worker: str
    #: The photos that have no outcome yet, in the order of the album.
    photos: tuple[PhotoEntry, ...]
    #: Work photo by photo, and report each as in flight before touching it: one kills workers.
    solo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What one sweep did; every number is a count."""

    jobs: int
    rung: int
    sealed: int
    rebuilt: int
    discarded: int
