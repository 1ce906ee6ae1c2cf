"""Checks of jobs: is a process alive for them, and does each one move?"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from infra.doctor.finding import Finding, Part
from infra.doctor.standstill import Standstill
from infra.errors import JobUnreadable
from infra.jobs.domain import rules
from infra.jobs.domain.model import JobKind, JobRecord
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.maintenance.sweep import SURVEY_SECONDS, Sweep
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.markers import ended_markers, open_markers
from infra.jobs.ports import JobStore
from infra.layout.ids import job_time
from infra.redis.worker_registry import WorkerRegistry
from infra.settings import Settings
from infra.storage.port import ObjectStore, ObjectUnavailable

#: Sweeps that may pass before what they should have put right counts as left lying.
SWEEPS: Final = 5
#: Jobs that have ended whose manifests are read, the last ones: nothing else waits for any.
ENDED_READ: Final = 200
#: Findings of one kind that are listed one by one.
LISTED: Final = 20


class JobChecks:
    """Looks at workers and at every open job. `clock` is in seconds since the epoch."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        sweep: Sweep,
        workers: WorkerRegistry,
        trainers: WorkerRegistry,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._records = records
        self._sweep = sweep
        self._workers = workers
        self._trainers = trainers
        self._clock = clock
        self._grace = SWEEPS * settings.sweep_seconds

    def run(self) -> Iterator[Finding]:
        """Yield what is wrong; raises ServiceUnavailable."""
        listed = self._records.open_jobs()
        standstills: dict[JobKind, Standstill] = {}
        for job in listed:
            try:
                record = self._records.load(job)
            except JobUnreadable:
                yield _unreadable(job)
                continue
            if record is None:
                yield self._stuck("record-lost", job, "is listed as open, but has no record")
            else:
                standstills.setdefault(record.spec.kind, Standstill()).see(record)
                yield from self._look_at(record)
        yield from self._forgotten(set(listed))
        yield from self._damaged_ends()
        yield from self._check_processes(standstills)

    def _look_at(self, record: JobRecord) -> Iterator[Finding]:
        now, job = self._clock(), record.spec.id
        if record.state.terminal:
            if now - (record.finished or now) > self._grace:
                yield self._stuck("job-unsealed", job, "has ended, but was not written down")
            return
        patience = self._sweep.patience(record.spec.kind) + self._grace
        for number, since in rules.stuck(record, now, patience, self._grace)[:LISTED]:
            what = f"has lain still for {now - since:.0f} s"
            yield self._stuck("chunk-stuck", f"{job}, chunk {number},", what)

    def _forgotten(self, listed: set[str]) -> Iterator[Finding]:
        """Find jobs that are open in S3 and unknown to Redis."""
        for tenant, job in open_markers(self._objects):
            age = self._clock() - job_time(job)
            if job in listed or age < SURVEY_SECONDS + self._grace:
                continue
            manifest = Manifest(store=self._objects, tenant=tenant, job=job)
            if fault := _fault(job, manifest):
                yield fault
            elif manifest.exists():
                yield self._stuck("job-forgotten", job, "is open in S3 and unknown to Redis")
            elif age > ABANDONED_SECONDS:
                yield self._stuck("submission-abandoned", job, "was never sent to its end")

    def _damaged_ends(self) -> Iterator[Finding]:
        """Find jobs among those that ended last whose manifest can no longer be read."""
        for marker in deque(ended_markers(self._objects), ENDED_READ):
            manifest = Manifest(store=self._objects, tenant=marker.tenant, job=marker.job)
            if fault := _fault(marker.job, manifest):
                yield fault

    def _check_processes(self, standstills: Mapping[JobKind, Standstill]) -> Iterator[Finding]:
        """Check that a process is alive for each kind of open job, and works."""
        for worker in [*self._workers.deaf(), *self._trainers.deaf()]:
            yield _deaf(worker)
        if not self._workers.alive():
            command = "celery --app worker.app worker --queues stylize"
            yield _no_process("no-worker", "No worker is alive; albums wait.", command)
        elif "stylize" in standstills:
            yield from self._not_started("stylize", standstills["stylize"])
        if "train" in standstills and not self._trainers.alive():
            command = "celery --app trainer.app worker --queues train"
            yield _no_process("no-trainer", "Trainings wait, and no trainer is alive.", command)
        elif "train" in standstills:
            yield from self._not_started("train", standstills["train"])

    def _not_started(self, kind: JobKind, standstill: Standstill) -> Iterator[Finding]:
        now = self._clock()
        for job, since in standstill.jobs(now, self._sweep.patience(kind))[:LISTED]:
            yield Finding(
                check="job-unbegun",
                about=job,
                part="workers",
                detail=f"Job {job} has waited for {now - since:.0f} s, and nobody begins it or "
                "works another of its kind.",
                advice="Somebody is there who should: look at the logs of workers and trainers.",
            )

    def _stuck(self, check: str, what: str, trouble: str) -> Finding:
        return Finding(
            check=check,
            about=what,
            part="jobs",
            detail=f"Job {what} {trouble}.",
            advice="A worker's sweeper should have seen to it: look at the logs of the workers. "
            "`impasto doctor --repair` sweeps now.",
            repair=self._sweep.run,
        )


def _fault(job: str, manifest: Manifest) -> Finding | None:
    try:
        manifest.spec()
        manifest.end()
    except JobUnreadable as error:
        trouble = f"the object {error.key} in the bucket cannot be read."
        advice = (
            "Run every process from the same version, and put damaged objects back from a copy of "
            "the bucket. Where there is none, send what the job was for again."
        )
        return _of_object("manifest-unreadable", job, error.key, trouble, advice)
    except ObjectUnavailable as error:
        trouble = f"S3 does not give the object {error.key}: {error.detail}"
        advice = "Let our key read every object of the bucket; restore it where it is archived."
        return _of_object("object-kept-back", job, error.key, trouble, advice)
    return None


def _of_object(check: str, job: str, key: str, trouble: str, advice: str) -> Finding:
    detail = f"Of job {job}, {trouble}"
    return Finding(check=check, about=key, part="jobs", detail=detail, advice=advice)


def _unreadable(job: str) -> Finding:
    return Finding(
        check="record-unreadable",
        about=job,
        part="jobs",
        detail=f"The record of job {job} cannot be read.",
        advice="Run every process from the same version. To have it rebuilt from S3: "
        f"redis-cli del impasto:job:{job}",
    )


def _deaf(worker: str) -> Finding:
    return Finding(
        check="worker-deaf",
        about=worker,
        part="workers",
        detail=f"{worker} lives, but does not listen for work.",
        advice="It connects to Redis anew, and ends within a minute if that does not help: see to "
        "it that something starts it again. If this stays, look at its log and restart it.",
    )


def _no_process(check: str, detail: str, command: str) -> Finding:
    part: Part = "workers"
    advice = f"Start one, by `impasto up` or by `{command}`, and look at its log."
    return Finding(check=check, part=part, detail=detail, advice=advice)
