"""A trainer's side of a job: take it for a slice, say how far it is, count stages, hand it back.

Progress goes to S3 before it is committed in Redis, so that a record rebuilt from S3 never knows
less than the one that was lost.
"""

from collections.abc import Callable
from contextlib import suppress

import structlog

from infra.errors import ServiceUnavailable
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain import deferral, rules, training_rules
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobRecord, JobSpec, Problem, TrainingProgress
from infra.jobs.manifest import Manifest
from infra.jobs.ports import JobStore, RecordMissing
from infra.settings import Settings
from infra.storage.port import ObjectStore

log = structlog.get_logger()


class TrainingClaims:
    """Claims trainings for slices, and commits their progress. `clock`: seconds since the epoch."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        post_commit: PostCommit,
        clock: Callable[[], float],
        settings: Settings,
    ) -> None:
        self._objects = objects
        self._records = records
        self._post_commit = post_commit
        self._clock = clock
        self._ttl = settings.lease_seconds

    def claim(self, job: str, worker: str) -> ClaimedTraining | None:
        """Take a training for a slice; None when there is nothing to do.

        That is: it has ended, is taken, is an album, or is forgotten (then the sweep rebuilds it
        and notifies again). A lease that runs out is a strike; after `training_rules.STRIKES`
        without progress between, the job fails.
        """

        def rule(record: JobRecord) -> tuple[JobRecord, ClaimedTraining]:
            record, token = training_rules.claim(record, worker, self._clock(), self._ttl)
            claimed = ClaimedTraining(
                spec=record.spec,
                token=token,
                worker=worker,
                progress=record.training,
                published=record.published,
                last_attempt=bool(deferral.last_attempt(record.active[training_rules.CHUNK])),
            )
            return record, claimed

        try:
            claimed = self._records.change(job, rule)
        except (rules.NotClaimable, RecordMissing):
            return None
        if self._withdrawn(claimed):
            self._records.remove(job)
            return None
        return claimed

    def _withdrawn(self, claim: ClaimedTraining) -> bool:
        """Whether the submission was taken back after its record was made.

        Its sender got an error. Gives the training back where S3 cannot tell now.
        """
        try:
            return not self._manifest(claim.spec).exists()
        except ServiceUnavailable:
            with suppress(ServiceUnavailable):
                self.end_slice(claim, notify=False)
            raise

    def report(self, claim: ClaimedTraining, progress: TrainingProgress | None = None) -> None:
        """Record progress and extend the lease; None only does the latter.

        A place behind the known one is ignored. Raises StaleLease when the training is no longer
        the caller's, and JobCancelled (a StaleLease) when it is to be given back: until `end_slice`
        it is the caller's. Only one thread at a time may report progress of a claim; another may
        call with none, as the heartbeat.
        """
        self._write_progress(claim, progress)
        kept = True

        def rule(record: JobRecord) -> JobRecord:
            nonlocal kept
            now = self._clock()
            record, kept = training_rules.report_training(
                record, claim.token, progress, now, self._ttl
            )
            return record

        self._change(claim, rule)
        if not kept:
            raise rules.JobCancelled(f"job {claim.spec.id} is being cancelled")

    def end_slice(
        self,
        claim: ClaimedTraining,
        progress: TrainingProgress | None = None,
        *,
        notify: bool = True,
    ) -> None:
        """Give a training back between two slices, without a strike.

        A training that was lost meanwhile is no error: the strike of its loss is taken back.
        Without `notify`, the sweep sends its message after `ring_patience_seconds`.
        """
        with suppress(rules.StaleLease):
            self._write_progress(claim, progress)
        with suppress(rules.StaleLease):
            record = self._change(
                claim, lambda r: training_rules.end_slice(r, claim.token, progress, self._clock())
            )
            if not self._post_commit.finalize_if_ended(record) and notify:
                self._post_commit.notify(record, [training_rules.CHUNK])

    def defer(self, claim: ClaimedTraining, progress: TrainingProgress | None = None) -> None:
        """Give a training back that needs an unreadable object.

        No message is sent now: the sweep sends one after its patience. After
        `deferral.RETRY_ROUNDS` - 1 times without progress between, the claim says `last_attempt`.
        Raises StaleLease.
        """
        self._write_progress(claim, progress)
        record = self._change(
            claim, lambda r: training_rules.defer(r, claim.token, progress, self._clock())
        )
        self._post_commit.finalize_if_ended(record)

    def stage_published(self, claim: ClaimedTraining, stage: int) -> None:
        """Count a stage that the catalogue has published, once; raises StaleLease."""
        self._change(claim, lambda r: training_rules.publish_stage(r, claim.token, stage))
        log.info("stage published", job_id=claim.spec.id, style=claim.spec.style, stage=stage)

    def finish(self, claim: ClaimedTraining) -> None:
        """End a training whose stages are all published or refused; raises StaleLease.

        It succeeds when at least one was published.
        """
        self._end(claim, lambda r: training_rules.finish_training(r, claim.token, self._clock()))

    def fail(self, claim: ClaimedTraining, problem: Problem) -> None:
        """End a training that cannot go on; what is published stays. Raises StaleLease."""
        self._end(
            claim, lambda r: training_rules.fail_training(r, claim.token, problem, self._clock())
        )

    def _end(self, claim: ClaimedTraining, rule: Callable[[JobRecord], JobRecord]) -> None:
        self._post_commit.finalize_if_ended(self._change(claim, rule))

    def _write_progress(self, claim: ClaimedTraining, progress: TrainingProgress | None) -> None:
        """Write the progress that is about to be committed.

        While the lease is ours, no other trainer moves the training on. Once it is lost, the
        file of our lower token is no authority.
        """
        if progress is None:
            return
        record = self._records.load(claim.spec.id)
        if record is None:
            raise rules.StaleLease(f"job {claim.spec.id} has no record now")
        rules.held(record, training_rules.CHUNK, claim.token)
        known = training_rules.furthest(record.training, progress)
        self._manifest(claim.spec).write_progress(claim.token, known)

    def _change(self, claim: ClaimedTraining, rule: Callable[[JobRecord], JobRecord]) -> JobRecord:
        def both(record: JobRecord) -> tuple[JobRecord, JobRecord]:
            after = rule(record)
            return after, after

        try:
            return self._records.change(claim.spec.id, both)
        except RecordMissing as error:
            raise rules.StaleLease(f"job {claim.spec.id} has no record now") from error

    def _manifest(self, spec: JobSpec) -> Manifest:
        return Manifest(store=self._objects, tenant=spec.tenant, job=spec.id)
