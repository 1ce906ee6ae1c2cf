"""Recovery: bring a job back from S3 when Redis lost it, and clear submissions cut off."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import structlog

from infra import layout
from infra.catalogue import StyleCatalogue
from infra.errors import JobUnreadable, ServiceUnavailable
from infra.jobs.claims.post_commit import finalize
from infra.jobs.domain import training_rules
from infra.jobs.domain.model import JobRecord, JobSpec
from infra.jobs.domain.rebuild import Attempt, rebuild
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.markers import open_markers
from infra.jobs.ports import JobStore
from infra.layout.ids import job_time
from infra.storage.port import ObjectMissing, ObjectStore
from infra.storage.unreadable import raise_outage

#: Seconds from a job id to its commit; a slower submission is refused.
SUBMISSION_SECONDS: Final = 3 * 3600.0
#: Seconds after which a submission without a commit is cleared away. Well above
#: SUBMISSION_SECONDS, so that no clock disagrees about whether a commit is still allowed.
ABANDONED_SECONDS: Final = 4 * 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Survey:
    """Counts of one pass over the open markers."""

    rebuilt: int
    discarded: int


class Recovery:
    """Rebuilds live records from manifests. Safe to run twice, or in two places at once."""

    def __init__(
        self, *, objects: ObjectStore, records: JobStore, clock: Callable[[], float]
    ) -> None:
        self._objects = objects
        self._records = records
        self._clock = clock

    def restore(self, tenant: str, job: str) -> JobRecord | None:
        """Return the job from S3; None if there is none. One that is not finalized is live again.

        Somebody may create the record first: then theirs stays. Raises JobUnreadable.
        """
        manifest = Manifest(store=self._objects, tenant=tenant, job=job)
        spec = manifest.spec()
        if spec is None:
            return None
        if end := manifest.end():
            return end
        fence = int(self._clock() * 1_000_000)  # before anything is read
        if known := self._records.load(job):
            return known  # made anew meanwhile; tokens of claims since then are above this fence
        record = self._rebuild(spec, manifest, fence)
        if not manifest.exists():
            return None  # removed while it was read
        self._records.create(record)
        if end := manifest.end():  # it was made anew, ended and forgotten while it was read
            self._records.remove(job)
            return end
        log.info("job rebuilt", job_id=job, done=record.done, failed=record.failed)
        return self._records.load(job) or record

    def _rebuild(self, spec: JobSpec, manifest: Manifest, fence: int) -> JobRecord:
        cancelled = manifest.cancelled()
        if spec.training is None:
            attempts = [_fenced(spec, manifest, each, fence) for each in manifest.attempts()]
            return rebuild(spec, attempts, cancelled, self._clock())
        tokens = manifest.slices()
        return training_rules.rebuild(
            spec,
            published=StyleCatalogue(self._objects).made_by(spec.style_place, spec.id),
            tokens=tokens,
            progress=manifest.progress(tokens[-1]) if tokens else None,
            cancelled=cancelled,
            now=self._clock(),
        )

    def survey(self, listed: Collection[str]) -> Survey:
        """Look at every open marker whose job is not listed in Redis, and put it right.

        What is wrong with one job holds up no other; the next survey looks at it again. Raises
        ServiceUnavailable.
        """
        rebuilt = discarded = 0
        for tenant, job in open_markers(self._objects):
            if job in listed:
                continue
            try:
                if found := self._relist(tenant, job):
                    rebuilt += self._follow_up(found)
                else:
                    discarded += self._discard_abandoned(tenant, job)
            except JobUnreadable as error:
                log.warning("job cannot be read", job_id=job, tenant=tenant, reason=error.detail)
            except (ValueError, ObjectMissing):
                # A file that is damaged or gone.
                log.exception("job cannot be read", job_id=job, tenant=tenant)
            except ServiceUnavailable as error:
                self._check_outage(tenant, job)
                log.warning(
                    "job has an unreadable object", job_id=job, tenant=tenant, reason=error.detail
                )
        return Survey(rebuilt, discarded)

    def _check_outage(self, tenant: str, job: str) -> None:
        """Raise ServiceUnavailable where Redis is away, or S3 does not even serve the marker."""
        self._records.remembers()
        raise_outage(self._objects, layout.open_marker(tenant, job))

    def _follow_up(self, record: JobRecord) -> bool:
        """Finalize a job that has ended and was cut off before that; returns whether it lives."""
        if record.state.terminal:
            finalize(record, objects=self._objects, records=self._records)
        return not record.state.terminal

    def _relist(self, tenant: str, job: str) -> JobRecord | None:
        if record := self._records.load(job):
            self._records.create(record)  # is there, but was missing from the open list
            return record
        return self.restore(tenant, job)

    def _discard_abandoned(self, tenant: str, job: str) -> bool:
        """Clear a submission that never reached its commit, once it no longer can."""
        if self._clock() - job_time(job) < ABANDONED_SECONDS:
            return False
        Manifest(store=self._objects, tenant=tenant, job=job).discard()
        log.info("submission discarded", job_id=job)
        return True


def _fenced(spec: JobSpec, manifest: Manifest, attempt: Attempt, fence: int) -> Attempt:
    """Keep what a rebuild takes over of a chunk in a file of its own, above those it was read from.

    A worker that was stopped on its way may write under its own token later. What has been given
    out by then must not change with that when Redis is lost once more. A chunk that one attempt
    finished alone is left as it is, which spares a large job thousands of files.
    """
    whole = len(attempt.outcomes) == len(spec.indices(attempt.chunk))
    if not attempt.outcomes or (whole and len(attempt.tokens) == 1):
        return attempt
    token = max(fence, attempt.tokens[-1] + 1)
    manifest.write_outcomes(attempt.chunk, token, attempt.outcomes)
    return attempt.model_copy(update={"tokens": (*attempt.tokens, token)})
