"""A worker's side of a job: take a chunk, commit its photos one by one, hand it in.

An attempt's outcomes go to S3 before they are committed in Redis, so that a record rebuilt from
S3 never knows less than the one that was lost, and counts never run backwards.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog

from infra.errors import ServiceUnavailable
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain import deferral, quarantine, rules
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import Chunk, JobRecord, JobSpec, PhotoOutcome
from infra.jobs.manifest import Manifest
from infra.jobs.ports import JobStore, RecordMissing
from infra.settings import Settings
from infra.storage.port import ObjectMissing, ObjectStore

T = TypeVar("T")
log = structlog.get_logger()


class ChunkClaims:
    """Claims chunks of albums and commits their photos. `clock`: seconds since the epoch."""

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
        self._settings = settings

    def claim(self, job: str, number: int, worker: str) -> ClaimedChunk | None:
        """Take a chunk for `worker`; None when there is nothing to do (done, taken, cancelled).

        A job that Redis lost is not looked for here: the sweep rebuilds it and notifies again.
        Photos that took their worker down too often are committed as failed, not handed out. The
        claim may be left without photos, and must then be finished all the same.
        """
        ttl = self._settings.lease_seconds

        def rule(record: JobRecord) -> tuple[JobRecord, tuple[JobSpec, Chunk]]:
            if record.spec.training is not None:
                raise rules.NotClaimable(f"job {job} is a training")
            record, chunk = rules.claim(record, number, worker, self._clock(), ttl)
            return record, (record.spec, chunk)

        try:
            spec, chunk = self._records.change(job, rule)
        except (rules.NotClaimable, RecordMissing):
            return None
        claimed = self._hand_out(spec, chunk)
        if claimed and (given_up := quarantine.poisoned(chunk)):
            return self._give_up(claimed, given_up)
        return claimed

    def _give_up(
        self, claim: ClaimedChunk, outcomes: Sequence[PhotoOutcome]
    ) -> ClaimedChunk | None:
        """Commit photos as failed; None when the chunk was lost or the job cancelled meanwhile."""
        try:
            self.report(claim, outcomes)
        except rules.StaleLease:
            return None
        photos = [outcome.index for outcome in outcomes]
        log.warning("photos quarantined", job_id=claim.spec.id, photos=photos)
        return claim

    def _hand_out(self, spec: JobSpec, chunk: Chunk) -> ClaimedChunk | None:
        """Read the photos of a chunk just leased; gives it back when that is impossible now."""
        token = chunk.lease.token if chunk.lease else 0
        decided = {*chunk.items, *(outcome.index for outcome in quarantine.poisoned(chunk))}
        indices = spec.indices(chunk.number)
        try:
            entries = self._manifest(spec).photos(indices.start, indices.stop)
        except ServiceUnavailable:
            # No message now: the next try would fail at once. The sweep sends one after a while.
            with suppress(rules.StaleLease, RecordMissing):  # lost meanwhile
                self._records.change(
                    spec.id, lambda r: (rules.release(r, chunk.number, token, self._clock()), None)
                )
            raise
        except ObjectMissing:
            if self._manifest(spec).exists():
                raise
            # The submission was withdrawn after its record was made; its sender got an error.
            self._records.remove(spec.id)
            return None
        return ClaimedChunk(
            spec=spec,
            number=chunk.number,
            token=token,
            worker=chunk.lease.worker if chunk.lease else "",
            photos=tuple(entry for entry in entries if entry.index not in decided),
            solo=quarantine.solo(chunk),
            last_attempt=deferral.last_attempt(chunk),
        )

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
        if outcomes:
            self._write_outcomes(claim, outcomes)
        ttl = self._settings.lease_seconds

        def rule(record: JobRecord) -> tuple[JobRecord, tuple[JobRecord, bool]]:
            record, kept = rules.report(
                record, claim.number, claim.token, outcomes, in_flight, self._clock(), ttl
            )
            return record, (record, kept)

        record, kept = self._change(claim, rule)
        if not kept:
            self._post_commit.finalize_if_ended(record)
            raise rules.JobCancelled(f"job {claim.spec.id} is being cancelled")

    def finish(self, claim: ClaimedChunk) -> None:
        """Hand in a chunk whose photos all have an outcome; the window moves on.

        Raises StaleLease, and IllegalTransition when a photo has none.
        """

        def rule(record: JobRecord) -> tuple[JobRecord, tuple[JobRecord, list[int]]]:
            now = self._clock()
            record = rules.finish_chunk(record, claim.number, claim.token, now)
            record, fresh = rules.offer(record, now, self._settings.job_window)
            return record, (record, fresh)

        record, fresh = self._change(claim, rule)
        log.info("chunk committed", job_id=claim.spec.id, chunk=claim.number, worker=claim.worker)
        self._post_commit.notify(record, fresh)
        self._post_commit.finalize_if_ended(record)

    def release(self, claim: ClaimedChunk, *, notify: bool = True) -> None:
        """Give a chunk back unfinished, without a strike.

        A chunk that was lost meanwhile is no error: the strikes of its loss are taken back.
        Without `notify`, the sweep sends its message after `ring_patience_seconds`.
        """

        def rule(record: JobRecord) -> tuple[JobRecord, tuple[JobRecord, list[int]]]:
            record, freed = rules.give_back(record, claim.number, claim.token, self._clock())
            return record, (record, freed)

        with suppress(rules.StaleLease):
            record, freed = self._change(claim, rule)
            if not self._post_commit.finalize_if_ended(record) and notify:
                self._post_commit.notify(record, freed)

    def defer(self, claim: ClaimedChunk, photos: Collection[int]) -> None:
        """Give a chunk back whose other photos have their outcomes: `photos` are unreadable.

        No message is sent now: the sweep sends one after its patience. Photos that were deferred
        `deferral.RETRY_ROUNDS` - 1 times are in the claim's `last_attempt`. Raises StaleLease when
        the chunk is no longer the caller's.
        """

        def rule(record: JobRecord) -> tuple[JobRecord, JobRecord]:
            record = deferral.defer(record, claim.number, claim.token, photos, self._clock())
            return record, record

        record = self._change(claim, rule)
        log.warning("photos deferred", job_id=claim.spec.id, photos=sorted(photos))
        self._post_commit.finalize_if_ended(record)

    def _write_outcomes(self, claim: ClaimedChunk, fresh: Sequence[PhotoOutcome]) -> None:
        """Write the attempt's file: the outcomes of the record, and those about to be committed.

        While the lease is ours, no other worker adds to the chunk. Once it is lost, the file of our
        lower token is no authority.
        """
        record = self._records.load(claim.spec.id)
        if record is None:
            raise rules.StaleLease(f"job {claim.spec.id} has no record now")
        chunk, _ = rules.held(record, claim.number, claim.token)
        items = {outcome.index: outcome for outcome in fresh} | chunk.items
        ordered = [items[index] for index in sorted(items)]
        self._manifest(claim.spec).write_outcomes(claim.number, claim.token, ordered)

    def _change(self, claim: ClaimedChunk, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        try:
            return self._records.change(claim.spec.id, rule)
        except RecordMissing as error:
            raise rules.StaleLease(f"job {claim.spec.id} has no record now") from error

    def _manifest(self, spec: JobSpec) -> Manifest:
        return Manifest(store=self._objects, tenant=spec.tenant, job=spec.id)
