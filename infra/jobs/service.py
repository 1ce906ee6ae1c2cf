"""The one thing that the API and the workers talk to about jobs.

Every sequence here is ordered so that a kill between any two lines either shows nothing to anyone
or is put right by the next sweep; where that is not plain, a comment says why.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import structlog

from infra import layout
from infra.errors import JobMissing, JobUnreadable, ServiceUnavailable
from infra.jobs.claims.album import Claims
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.claims.training import TrainingClaims
from infra.jobs.domain import rules
from infra.jobs.domain.claim import ClaimedChunk, ClaimedTraining
from infra.jobs.domain.model import (
    JobDraft,
    JobKind,
    JobRecord,
    JobSpec,
    PhotoEntry,
    PhotoOutcome,
    Problem,
    TrainingProgress,
)
from infra.jobs.maintenance.expiry import Expiry
from infra.jobs.maintenance.recovery import Recovery
from infra.jobs.maintenance.sweep import Sweep, SweepReport
from infra.jobs.manifest import Manifest
from infra.jobs.ports import JobStore, Notifier, RecordMissing
from infra.jobs.progress import read_progress
from infra.jobs.submission.intake import Intake
from infra.jobs.submission.retry import retried
from infra.jobs.views import ItemView, JobView, job_view
from infra.layout.ids import is_job_id, new_job_id
from infra.settings import Settings
from infra.storage.port import ObjectStore, ObjectUnavailable
from infra.storage.unreadable import raise_outage

log = structlog.get_logger()


class JobService:
    """Jobs from submission to their end; Redis and S3 behind it, a notifier beside them.

    Every method raises ServiceUnavailable when Redis or S3 cannot be reached. May be used by
    several threads at once.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        notifier: Notifier,
        clock: Callable[[], float],
        settings: Settings,
    ) -> None:
        self._objects = objects
        self._records = records
        self._notifier = notifier
        self._clock = clock
        self._settings = settings
        self._post_commit = PostCommit(objects=objects, records=records, notifier=notifier)
        self._intake = Intake(objects=objects, records=records, clock=clock, settings=settings)
        self._claims = Claims(
            objects=objects,
            records=records,
            post_commit=self._post_commit,
            clock=clock,
            settings=settings,
        )
        self._trainings = TrainingClaims(
            objects=objects,
            records=records,
            post_commit=self._post_commit,
            clock=clock,
            settings=settings,
        )
        self._recovery = Recovery(objects=objects, records=records, clock=clock)
        self._sweep = Sweep(
            records=records,
            recovery=self._recovery,
            expiry=Expiry(
                objects=objects,
                records=records,
                clock=clock,
                retention_days=settings.retention_days,
            ),
            post_commit=self._post_commit,
            notifier=notifier,
            clock=clock,
            settings=settings,
        )

    # What the API calls.

    def new_job_id(self) -> str:
        """Return an id for a submission: sorts by time, unguessable, safe in a URL."""
        return new_job_id(self._clock())

    def announce(self, job: str, tenant: str) -> None:
        """Announce a submission before its uploads, so that they are cleared if it is cut off.

        Raises QueueFull while as much waits as may wait: then nothing needs to be sent.
        """
        self._intake.announce(job, tenant)

    def check_time(self, job: str) -> None:
        """Raise InvalidRequest once an announced submission takes too long to be accepted."""
        self._intake.check_time(job)

    def submit(self, draft: JobDraft, photos: Iterable[PhotoEntry]) -> JobView:
        """Accept an album; `photos` is streamed, its indices 0, 1, 2, ….

        When this returns, the job survives any loss but S3's. Raises InvalidRequest,
        AlbumTooLarge, QueueFull, ServiceUnavailable and whatever `photos` raises: then nothing was
        accepted, and the uploads below the job's prefix are gone.
        """
        record, chunks = self._intake.accept(draft, photos)
        log.info("job submitted", job_id=draft.id, tenant=draft.tenant, photos=record.spec.total)
        self._post_commit.notify(record, chunks)
        return self._view(record)

    def submit_training(self, draft: JobDraft) -> JobView:
        """Accept a training and reserve the name of its style.

        When this returns, the job survives any loss but S3's. Raises InvalidRequest, StyleTaken,
        QueueFull and ServiceUnavailable: then nothing was accepted, and what was uploaded below
        the job's prefix is gone.
        """
        record, chunks = self._intake.accept_training(draft)
        log.info("training submitted", job_id=draft.id, tenant=draft.tenant, style=draft.style)
        self._post_commit.notify(record, chunks)
        return self._view(record)

    def get(self, job: str, tenant: str) -> JobView:
        """Return a job as it is now; raises JobMissing and JobUnreadable."""
        return self._view(self._find(job, tenant))

    def recent(self, tenant: str, *, limit: int, after: str = "") -> list[JobView]:
        """Return up to `limit` jobs of a tenant, newest first, those older than job `after`.

        A damaged or unreadable one is left out: it hides no other. Raises ServiceUnavailable.
        """
        start_after = layout.newest_entry(tenant, after) if after else ""
        views: list[JobView] = []
        listed = self._objects.list(layout.newest_prefix(tenant), start_after=start_after)
        for _, job in filter(None, (layout.parse_newest_entry(info.key) for info in listed)):
            if len(views) == limit:
                break
            try:
                views.append(self.get(job, tenant))
            except JobMissing:
                continue  # an entry is written just before its job
            except JobUnreadable as error:
                log.warning("job left out", job_id=job, tenant=tenant, reason=error.detail)
            except ObjectUnavailable as error:
                raise_outage(self._objects, layout.newest_entry(tenant, job))
                log.warning("job left out", job_id=job, tenant=tenant, reason=error.detail)
        return views

    def items(self, job: str, tenant: str, offset: int, limit: int) -> list[ItemView]:
        """Return the photos from `offset` on, at most `limit`, as they are now.

        Raises JobMissing. Reads what the page needs, however large the album is. A training has
        no photos.
        """
        record = self._find(job, tenant)
        if record.spec.training is not None:
            return []
        stop = min(offset + limit, record.spec.total)
        if offset >= stop:
            return []
        manifest = self._manifest(record.spec)
        with manifest.readable():
            progress = read_progress(manifest, record, range(offset, stop))
            return [progress.view(entry) for entry in manifest.photos(offset, stop)]

    def cancel(self, job: str, tenant: str) -> JobView:
        """Stop a job and keep what is done; one that has ended stays as it is.

        Raises JobMissing. Workers learn of it at their next report.
        """
        found = self._find(job, tenant)
        if found.state.terminal:
            return self._view(found)
        # The marker first: a record rebuilt after a flush must remember that this was asked.
        self._manifest(found.spec).mark_cancelled()

        def rule(record: JobRecord) -> tuple[JobRecord, JobRecord]:
            record = rules.cancel(record, self._clock())
            return record, record

        with suppress(rules.IllegalTransition, RecordMissing):  # it ended, or Redis was flushed
            self._post_commit.finalize_if_ended(self._records.change(job, rule))
            log.info("job cancelling", job_id=job)
        return self.get(job, tenant)

    def retry(self, job: str, tenant: str) -> JobView:
        """Send the failed photos of a job that has ended as a job of their own, and return that.

        Raises JobMissing, JobNotFinished, NothingToRetry and what `submit` raises.
        """
        return self.submit(*retried(self._find(job, tenant), self._objects, self.new_job_id()))

    # What a worker calls.

    def claim(self, job: str, chunk: int, worker: str) -> ClaimedChunk | None:
        """Take a chunk for `worker`; None when there is nothing to do (done, taken, cancelled).

        A job that Redis lost is not looked for here: the sweep rebuilds it and notifies again.
        Photos that took their worker down too often are committed as failed, not handed out; a
        claim may be left without photos, and must then be finished all the same.
        """
        return self._claims.claim(job, chunk, worker)

    def report(
        self,
        claim: ClaimedChunk,
        outcomes: Sequence[PhotoOutcome],
        in_flight: Collection[int] | None = None,
    ) -> None:
        """Commit outcomes, say which photos are at work now (None: as before), extend the lease.

        Raises StaleLease when the chunk is no longer the caller's, and JobCancelled (a
        StaleLease) after the outcomes were kept. Only one thread at a time may report outcomes of
        a claim; another may call with none, as the heartbeat.
        """
        self._claims.report(claim, outcomes, in_flight)

    def finish(self, claim: ClaimedChunk) -> None:
        """Hand in a chunk whose photos all have an outcome; the window moves on.

        Raises StaleLease, and IllegalTransition when a photo has none.
        """
        self._claims.finish(claim)

    def release(self, claim: ClaimedChunk, *, notify: bool = True) -> None:
        """Give a chunk back unfinished, without a strike.

        One that was lost meanwhile is no error: the strikes that its loss gave are taken back.
        Without `notify`, the sweep sends the message once it has lain for
        `ring_patience_seconds`.
        """
        self._claims.release(claim, notify)

    def defer(self, claim: ClaimedChunk, photos: Collection[int]) -> None:
        """Give a chunk back whose other photos have their outcomes: `photos` are unreadable.

        It comes again after `patience`. Photos deferred `deferral.RETRY_ROUNDS` - 1 times are in
        the claim's `last_attempt`. Raises StaleLease when the chunk is no longer the caller's.
        """
        self._claims.defer(claim, photos)

    # What a trainer calls.

    def claim_training(self, job: str, worker: str) -> ClaimedTraining | None:
        """Take a training for a slice; None when there is nothing to do (ended, taken, no
        training, or forgotten: then the sweep rebuilds it and notifies again).

        A lease that runs out is a strike; after `training_rules.STRIKES` without progress between,
        the job fails.
        """
        return self._trainings.claim(job, worker)

    def report_training(
        self, claim: ClaimedTraining, progress: TrainingProgress | None = None
    ) -> None:
        """Say how far the training is, and extend the lease; None only does the latter.

        A place behind the known one is ignored. Raises StaleLease when the training is no longer
        the caller's, and JobCancelled (a StaleLease) when it is to be given back: until `end_slice`
        it is the caller's. Only one thread at a time may report progress of a claim; another may
        call with none, as the heartbeat.
        """
        self._trainings.report(claim, progress)

    def end_slice(
        self,
        claim: ClaimedTraining,
        progress: TrainingProgress | None = None,
        *,
        notify: bool = True,
    ) -> None:
        """Give a training back between two slices, without a strike.

        One that was lost meanwhile is no error: the strike that its loss gave is taken back.
        Without `notify`, the sweep sends its message once it has lain for `ring_patience_seconds`.
        """
        self._trainings.end_slice(claim, progress, notify)

    def defer_training(
        self, claim: ClaimedTraining, progress: TrainingProgress | None = None
    ) -> None:
        """Give a training back that needs an unreadable object.

        It comes again as `end_slice` says. After `deferral.RETRY_ROUNDS` - 1 times without
        progress between, the claim says `last_attempt`. Raises StaleLease.
        """
        self._trainings.defer(claim, progress)

    def stage_published(self, claim: ClaimedTraining, stage: int) -> None:
        """Count a stage that the catalogue has published, once; raises StaleLease."""
        self._trainings.stage_published(claim, stage)

    def finish_training(self, claim: ClaimedTraining) -> None:
        """End a training whose stages are all published or refused; raises StaleLease.

        It succeeds when at least one was published.
        """
        self._trainings.finish(claim)

    def fail_training(self, claim: ClaimedTraining, problem: Problem) -> None:
        """End a training that cannot go on; what is published stays. Raises StaleLease."""
        self._trainings.fail(claim, problem)

    def backlog(self, queue: JobKind = "stylize") -> int:
        """Return how many messages wait in a queue."""
        return self._notifier.backlog(queue)

    # What the sweeper calls.

    def sweep(self) -> SweepReport:
        """Repair losses: leases, messages, records, jobs cut off as they began or ended."""
        return self._sweep.run()

    def patience(self, kind: JobKind) -> float:
        """Return the seconds that a chunk may lie unclaimed before its message is sent again."""
        return self._sweep.patience(kind)

    # Steps that the above share.

    def _view(self, record: JobRecord) -> JobView:
        return job_view(record, self._clock(), self._settings.retention_days)

    def _manifest(self, spec: JobSpec) -> Manifest:
        return Manifest(store=self._objects, tenant=spec.tenant, job=spec.id)

    def _find(self, job: str, tenant: str) -> JobRecord:
        live = found = None
        if is_job_id(job):
            live = self._records.load(job)
            found = live or self._recovery.restore(tenant, job)
        if found is None or found.spec.tenant != tenant:
            raise JobMissing(f"No job {job!r} is known here; check the id.")
        if found.state.terminal and (live or self._records.load(job)):
            self._finalize_before_it_is_seen(found)
        return found

    def _finalize_before_it_is_seen(self, live: JobRecord) -> None:
        """Show no end that S3 does not know: after a flush the job could end otherwise.

        Raises ServiceUnavailable when it cannot be written down now.
        """
        if not self._records.finalized(live.spec.id) and not self._post_commit.finalize_if_ended(
            live
        ):
            raise ServiceUnavailable("The job's end cannot be written down now; try again soon.")
