"""Removes jobs whose time is over: their uploads, results, manifests and records.

Everything that is removed lies below the job's own prefix, where nothing of another job lies, and
a job that another one refers to stays (`references`). The marker of the job's end goes last: while
it is there, a removal that was cut off is done again.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from infra import layout
from infra.errors import ServiceUnavailable
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.markers import ended_markers
from infra.jobs.manifest.references import References
from infra.jobs.ports import JobStore
from infra.jobs.result_index import result_location
from infra.storage.port import ObjectStore
from infra.storage.unreadable import raise_outage

#: Seconds between looks for jobs whose time is over.
LOOK_SECONDS: Final = 60.0
#: Seconds after which a sweep leaves the rest of the removals to the next one.
STEP_SECONDS: Final = 2.0

log = structlog.get_logger()


class Expiry:
    """Removes jobs whose time is over. Safe to run twice, or in two places at once.

    `retention_days` is how long a job stays after its end; None is for good.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        clock: Callable[[], float],
        retention_days: float | None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._records = records
        self._references = References(objects=objects, clock=clock)
        self._clock = clock
        self._retention_days = retention_days
        self._stopwatch = stopwatch
        self._looked = float("-inf")
        #: Markers of jobs that S3 refuses to remove in this look.
        self._refused: set[str] = set()

    def run(self) -> int:
        """Remove such jobs for STEP_SECONDS; returns how many are gone.

        Large albums take several calls. An object that S3 refuses to read or remove holds up no
        other job; the next look tries it again. Raises ServiceUnavailable.
        """
        now = self._clock()
        recently = 0 <= now - self._looked < LOOK_SECONDS  # clocks are put back, too
        if self._retention_days is None or recently:
            return 0
        over = self._stopwatch() + STEP_SECONDS
        removed = 0
        for marker, tenant, job in self._ended_before(now - self._retention_days * DAY_SECONDS):
            for gone in self._try_remove(marker, tenant, job):
                removed += gone
                if self._stopwatch() > over:
                    return removed
        self._looked = now
        self._refused.clear()
        return removed

    def _ended_before(self, moment: float) -> Iterator[tuple[str, str, str]]:
        for marker in ended_markers(self._objects):
            if marker.finished > moment:
                return
            if marker.key not in self._refused:
                yield marker.key, marker.tenant, marker.job

    def _try_remove(self, marker: str, tenant: str, job: str) -> Iterator[bool]:
        try:
            yield from self._remove(marker, tenant, job)
        except ServiceUnavailable as error:
            self._check_outage(marker)
            self._refused.add(marker)
            log.warning("job not removed", job_id=job, tenant=tenant, reason=error.detail)

    def _check_outage(self, marker: str) -> None:
        """Raise ServiceUnavailable where Redis is away, or S3 does not even serve the marker."""
        self._records.remembers()
        raise_outage(self._objects, marker)

    def _remove(self, marker: str, tenant: str, job: str) -> Iterator[bool]:
        """Remove one job step by step; yields whether it is gone, the last time when it is."""
        manifest = Manifest(store=self._objects, tenant=tenant, job=job)
        begun = not manifest.exists()  # before a removal was cut off: it is decided
        if not begun and (manifest.is_open() or not self._references.announce_removal(tenant, job)):
            yield False
            return
        manifest.withdraw()
        self._records.remove(job)
        for _ in self._forget_results(tenant, job):
            yield False
        self._objects.delete_prefix(layout.job_prefix(tenant, job))
        self._objects.delete(marker)
        log.info("job removed", job_id=job, tenant=tenant)
        yield True

    def _forget_results(self, tenant: str, job: str) -> Iterator[None]:
        """Remove this job's results, each after the index entry that leads to it.

        Those too that were stored and never committed. An entry that a worker has just changed to
        lead elsewhere may go with them: then a photo is painted once more than needed, and no job
        misses anything.
        """
        for info in self._objects.list(layout.results_prefix(tenant, job)):
            if digest := layout.result_digest(info.key):
                self._forget(layout.result_index_entry(tenant, digest), tenant, job)
            self._objects.delete(info.key)
            yield

    def _forget(self, entry: str, tenant: str, job: str) -> None:
        result = result_location(self._objects, entry)
        if result and result.startswith(layout.job_prefix(tenant, job)):
            self._objects.delete(entry)
