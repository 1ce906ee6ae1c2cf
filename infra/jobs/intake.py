"""Takes an album in: from a draft and a stream of photos to a job that cannot be lost."""

from collections.abc import Callable, Iterable, Iterator

import structlog

from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest, ServiceUnavailable
from infra.jobs import rules
from infra.jobs.manifest import Manifest
from infra.jobs.model import JobDraft, JobRecord, JobSpec, PhotoEntry
from infra.jobs.ports import JobStore
from infra.jobs.recovery import SUBMISSION_SECONDS
from infra.settings import Settings
from infra.storage.port import ObjectStore

log = structlog.get_logger()


class Intake:
    """Marker, photos, spec, record: in this order, and nothing half-made is left behind."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        clock: Callable[[], float],
        settings: Settings,
    ) -> None:
        self._objects = objects
        self._records = records
        self._clock = clock
        self._settings = settings

    def accept(self, draft: JobDraft, photos: Iterable[PhotoEntry]) -> tuple[JobRecord, list[int]]:
        """Keep the job in S3 and Redis; returns its record and the chunks to ring for.

        Raises InvalidRequest, AlbumTooLarge, ServiceUnavailable, and whatever `photos` raises;
        then what was written is taken back.
        """
        manifest = Manifest(store=self._objects, tenant=draft.tenant, job=draft.id)
        manifest.open()
        try:
            spec = self._write(manifest, draft, photos)
            record = JobRecord(spec=spec)
            record, chunks = rules.offer(record, self._clock(), self._settings.job_window)
            self._records.create(record)
        except Exception:
            self._withdraw(manifest, draft.id)
            raise
        return record, chunks

    def _write(self, manifest: Manifest, draft: JobDraft, photos: Iterable[PhotoEntry]) -> JobSpec:
        total = manifest.write_photos(self._limited(photos))
        if total == 0:
            raise InvalidRequest("The album has no photos; send at least one.")
        if self._clock() - layout.job_time(draft.id) > SUBMISSION_SECONDS:
            # The sweeper may be about to clear this submission away.
            raise InvalidRequest("Sending the album took too long; send it in smaller jobs.")
        spec = JobSpec(
            **draft.model_dump(),
            total=total,
            chunk_photos=self._settings.chunk_photos,
            created=self._clock(),
        )
        manifest.write_spec(spec)
        return spec

    def _limited(self, photos: Iterable[PhotoEntry]) -> Iterator[PhotoEntry]:
        limit = self._settings.max_album_photos
        for count, photo in enumerate(photos, start=1):
            if count > limit:
                raise AlbumTooLarge(f"An album may have {limit} photos; send more than one job.")
            yield photo

    def _withdraw(self, manifest: Manifest, job: str) -> None:
        """Take back a submission that failed, as far as that is possible now.

        S3 first: while the spec is there, a sweep would make the record again. What cannot be
        reached now is found by the marker later: without a spec it is discarded, with one the
        job runs although its sender was told to try again.
        """
        try:
            manifest.discard()
            self._records.remove(job)
        except ServiceUnavailable as error:
            log.warning("submission not withdrawn", job_id=job, reason=error.detail)
