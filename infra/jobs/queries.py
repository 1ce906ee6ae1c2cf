"""Queries: a job, the newest jobs of a tenant, the photos of a job, each as it is now."""

from collections.abc import Callable

import structlog

from infra import layout
from infra.errors import JobMissing, JobUnreadable, ServiceUnavailable
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain.model import JobRecord
from infra.jobs.maintenance.recovery import Recovery
from infra.jobs.manifest import Manifest
from infra.jobs.ports import JobStore
from infra.jobs.progress import read_progress
from infra.jobs.views import ItemView, JobView, job_view
from infra.layout.ids import is_job_id
from infra.settings import Settings
from infra.storage.port import ObjectStore, ObjectUnavailable
from infra.storage.unreadable import raise_outage

log = structlog.get_logger()


class JobQueries:
    """Shows jobs to their tenant. `clock` is in seconds since the epoch."""

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
        self._recovery = Recovery(objects=objects, records=records, clock=clock)
        self._post_commit = post_commit
        self._clock = clock
        self._retention_days = settings.retention_days

    def get(self, job: str, tenant: str) -> JobView:
        """Return a job as it is now; raises JobMissing and JobUnreadable."""
        return self.view(self.find(job, tenant))

    def view(self, record: JobRecord) -> JobView:
        """Show a record as it is now."""
        return job_view(record, self._clock(), self._retention_days)

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

        Raises JobMissing. Reads only as much as the page needs, however large the album is. A
        training has no photos.
        """
        record = self.find(job, tenant)
        if record.spec.training is not None:
            return []
        stop = min(offset + limit, record.spec.total)
        if offset >= stop:
            return []
        manifest = Manifest(store=self._objects, tenant=record.spec.tenant, job=record.spec.id)
        with manifest.readable():
            progress = read_progress(manifest, record, range(offset, stop))
            return [progress.view(entry) for entry in manifest.photos(offset, stop)]

    def find(self, job: str, tenant: str) -> JobRecord:
        """Return a job's record, live or from S3; raises JobMissing and JobUnreadable."""
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
        if self._records.finalized(live.spec.id) or self._post_commit.finalize_if_ended(live):
            return
        raise ServiceUnavailable("The job's end cannot be written down now; try again soon.")
