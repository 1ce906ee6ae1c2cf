"""After a record has changed: notify workers of free chunks, finalize a job that ended.

Both come after the change, so a kill before them costs only time: the sweep repeats them.
"""

from collections.abc import Iterable

import structlog

from infra.catalogue.names import StyleNames
from infra.errors import ServiceUnavailable
from infra.jobs.domain.lanes import lane
from infra.jobs.domain.model import JobRecord
from infra.jobs.manifest import Manifest
from infra.jobs.ports import JobStore, Notifier
from infra.storage.port import ObjectStore

log = structlog.get_logger()


def finalize(record: JobRecord, *, objects: ObjectStore, records: JobStore) -> bool:
    """Write a job's end to S3, and release its style's name if it published none.

    The end first: until it is in S3, a flush of Redis brings the job back to life, and then the
    job needs its name. The marker and the listing in Redis last: without them no sweep looks again.
    Returns False, and leaves the job open, where a flush has brought it back to life already: it
    will have another end, later.
    """
    spec = record.spec
    manifest = Manifest(store=objects, tenant=spec.tenant, job=spec.id)
    if _lives(spec.id, records):
        return False
    manifest.write_end(record)
    if _lives(spec.id, records):
        return False
    if spec.training is not None:
        StyleNames(objects).release(spec.style_place, spec.id)
    manifest.close()
    records.finalize(spec.id)
    return True


def _lives(job: str, records: JobStore) -> bool:
    record = records.load(job)
    return record is not None and not record.state.terminal


class PostCommit:
    """The steps after a change. They never raise ServiceUnavailable: the change has happened.

    A notification raises nothing at all: its job is stored, and a sweep sends it again.
    """

    def __init__(self, *, objects: ObjectStore, records: JobStore, notifier: Notifier) -> None:
        self._objects = objects
        self._records = records
        self._notifier = notifier

    def notify(self, record: JobRecord, chunks: Iterable[int]) -> None:
        """Notify workers of each of these chunks."""
        spec = record.spec
        try:
            for chunk in chunks:
                self._notifier.notify(spec.id, chunk, spec.kind, lane(spec.total))
        except ServiceUnavailable as error:
            log.warning("broker unreachable", job_id=record.spec.id, reason=error.detail)
        except Exception as error:  # whoever sent the job must not be told that it failed
            log.error("notification failed by a bug", job_id=spec.id, exc_info=error)

    def finalize_if_ended(self, record: JobRecord) -> bool:
        """Finalize a job that has ended; returns whether that was done."""
        if not record.state.terminal:
            return False
        try:
            if not finalize(record, objects=self._objects, records=self._records):
                return False
        except ServiceUnavailable as error:
            log.warning("job not finalized yet", job_id=record.spec.id, reason=error.detail)
            return False
        log.info(
            "job finished",
            job_id=record.spec.id,
            state=record.state,
            done=record.done,
            failed=record.failed,
        )
        return True
