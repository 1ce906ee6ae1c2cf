"""Cancellation: stop a job, and keep what is done."""

from collections.abc import Callable
from contextlib import suppress

import structlog

from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain import rules
from infra.jobs.domain.model import JobRecord
from infra.jobs.domain.transitions import IllegalTransition
from infra.jobs.manifest import Manifest
from infra.jobs.ports import JobStore, RecordMissing
from infra.jobs.queries import JobQueries
from infra.jobs.views import JobView
from infra.storage.port import ObjectStore

log = structlog.get_logger()


class Cancellation:
    """Stops jobs. `clock` is in seconds since the epoch."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        queries: JobQueries,
        post_commit: PostCommit,
        clock: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._records = records
        self._queries = queries
        self._post_commit = post_commit
        self._clock = clock

    def cancel(self, job: str, tenant: str) -> JobView:
        """Stop a job and keep what is done; one that has ended stays as it is.

        Raises JobMissing. Workers learn of it at their next report.
        """
        found = self._queries.find(job, tenant)
        if found.state.terminal:
            return self._queries.view(found)
        # The marker first: a record rebuilt after a flush must remember that this was asked.
        spec = found.spec
        Manifest(store=self._objects, tenant=spec.tenant, job=spec.id).mark_cancelled()

        def rule(record: JobRecord) -> tuple[JobRecord, JobRecord]:
            record = rules.cancel(record, self._clock())
            return record, record

        with suppress(IllegalTransition, RecordMissing):  # it ended, or Redis was flushed
            self._post_commit.finalize_if_ended(self._records.change(job, rule))
            log.info("job cancelling", job_id=job)
        return self._queries.get(job, tenant)
