"""A sweep repairs losses: leases, messages, records, jobs cut off as they began or ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from infra.errors import JobUnreadable
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain import rules, training_rules
from infra.jobs.domain.model import JobKind, JobRecord
from infra.jobs.maintenance.expiry import Expiry
from infra.jobs.maintenance.recovery import Recovery, Survey
from infra.jobs.maintenance.style_removals import StyleRemovals
from infra.jobs.ports import JobStore, Notifier, RecordMissing
from infra.settings import Settings
from infra.storage.port import ObjectStore

#: Seconds between looks at the open markers in S3, while Redis remembers.
SURVEY_SECONDS: Final = 60.0
#: Factor on the patience with an unclaimed chunk while the queue is not empty.
BUSY_PATIENCE: Final = 10
#: Messages that make it wait as much longer again: ten thousand that wait would otherwise be sent
#: again and again before their turn comes.
PATIENCE_MESSAGES: Final = 10
#: Jobs that one sweep looks at. More take turns: a flood of jobs that wait must not keep a
#: processor busy with looking at them.
SWEEP_JOBS: Final = 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """Counts of what one sweep did."""

    jobs: int
    notified: int
    finalized: int
    rebuilt: int
    discarded: int
    #: Jobs whose time was over.
    removed: int = 0


class Sweep:
    """Looks at every open job. Safe to run twice, or in two places at once."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        post_commit: PostCommit,
        notifier: Notifier,
        clock: Callable[[], float],
        settings: Settings,
    ) -> None:
        self._records = records
        self._recovery = Recovery(objects=objects, records=records, clock=clock)
        self._expiry = Expiry(
            objects=objects, records=records, clock=clock, retention_days=settings.retention_days
        )
        self._style_removals = StyleRemovals(objects=objects, clock=clock)
        self._post_commit = post_commit
        self._notifier = notifier
        self._clock = clock
        self._settings = settings
        self._surveyed = float("-inf")
        #: Jobs that this sweep found listed as open and without a record.
        self._lost: set[str] = set()
        #: The place in the list of open jobs at which the next sweep begins, when they take turns.
        self._next = 0

    def run(self) -> SweepReport:
        """Sweep once; raises ServiceUnavailable."""
        survey = self._survey()
        patience: dict[JobKind, float] = {
            "stylize": self.patience("stylize"),
            "train": self.patience("train"),
        }
        jobs = self._records.open_jobs()
        self._lost.clear()
        swept = [self._sweep_alone(job, patience) for job in self._turn(jobs)]
        self._style_removals.run()
        return SweepReport(
            jobs=len(jobs),
            notified=sum(notified for notified, _ in swept),
            finalized=sum(finalized for _, finalized in swept),
            rebuilt=survey.rebuilt + self._find_lost(set(jobs)),
            discarded=survey.discarded,
            removed=self._expiry.run(),  # last, because nothing waits for it
        )

    def _turn(self, jobs: list[str]) -> list[str]:
        """Return the jobs whose turn it is to be looked at."""
        if len(jobs) <= SWEEP_JOBS:
            return jobs
        start = self._next % len(jobs)
        self._next = start + SWEEP_JOBS
        return [*jobs, *jobs][start : self._next]

    def patience(self, queue: JobKind) -> float:
        """Return how long an unclaimed chunk waits for its next message.

        While others wait in its queue, it waits its turn; another message would only lengthen the
        queue. Not for ever: a lost message must not wait for a queue that never empties.
        """
        waiting = self._notifier.backlog(queue)
        busy = BUSY_PATIENCE + waiting // PATIENCE_MESSAGES if waiting else 1
        return self._settings.ring_patience_seconds * busy

    def _survey(self) -> Survey:
        now = self._clock()
        remembers = self._records.remembers()
        if remembers and 0 <= now - self._surveyed < SURVEY_SECONDS:  # clocks are put back, too
            return Survey(rebuilt=0, discarded=0)
        survey = self._recovery.survey(set(self._records.open_jobs()))
        self._records.recount()
        # Only now: a kill in the middle of it must leave the flush to be noticed again.
        self._records.remember()
        self._surveyed = now
        return survey

    def _find_lost(self, jobs: set[str]) -> int:
        """Rebuild the jobs that had no record: flushed a moment ago, or evicted."""
        if not self._lost:
            return 0
        survey = self._recovery.survey(jobs - self._lost)
        for job in self._lost:
            if self._records.load(job) is None:
                self._records.remove(job)  # S3 does not know it as open either
        self._records.recount()
        return survey.rebuilt

    def _sweep_alone(self, job: str, patience: Mapping[JobKind, float]) -> tuple[int, bool]:
        """Sweep one job; one that cannot be read must not hold up the others."""
        try:
            return self._sweep_job(job, patience)
        except JobUnreadable as error:
            log.warning("job cannot be read", job_id=job, reason=error.detail)
        return 0, False

    def _sweep_job(self, job: str, patience: Mapping[JobKind, float]) -> tuple[int, bool]:
        """Sweep one job; returns how many messages were sent and whether it was finalized."""

        def rule(record: JobRecord) -> tuple[JobRecord, tuple[JobRecord, list[int], list[int]]]:
            now = self._clock()
            swept, late = training_rules.sweep(record, now, patience[record.spec.kind])
            swept, fresh = rules.offer(swept, now, self._settings.job_window)
            return swept, (swept, late + fresh, rules.lost(record, swept))

        try:
            record, chunks, lost = self._records.change(job, rule)
        except RecordMissing:
            self._lost.add(job)
            return 0, False
        if lost:
            log.warning("leases expired", job_id=job, chunks=lost)
        self._post_commit.notify(record, chunks)
        return len(chunks), self._post_commit.finalize_if_ended(record)
