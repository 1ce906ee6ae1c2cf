"""Submission: from a draft, and photos, to a job that cannot be lost."""

from collections.abc import Callable, Iterable, Iterator

import structlog

from infra.catalogue import StyleCatalogue
from infra.catalogue.names import StyleNames
from infra.catalogue.visible import TenantStyles
from infra.errors import AlbumTooLarge, InvalidRequest, ServiceUnavailable
from infra.jobs.claims.post_commit import PostCommit
from infra.jobs.domain import rules
from infra.jobs.domain.model import JobDraft, JobRecord, JobSpec, PhotoEntry
from infra.jobs.maintenance.recovery import SUBMISSION_SECONDS
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.references import References
from infra.jobs.ports import JobStore
from infra.jobs.queries import JobQueries
from infra.jobs.submission.admission import Admission
from infra.jobs.submission.retry import failed_photos, with_nets
from infra.jobs.views import JobView
from infra.layout.ids import job_time, new_job_id
from infra.settings import Settings
from infra.storage.port import ObjectStore

log = structlog.get_logger()


class Submission:
    """Takes albums and trainings in. `clock` is in seconds since the epoch.

    It writes the open marker, the photos or the style's name, the spec and the record, in this
    order; a submission that fails leaves nothing behind.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        records: JobStore,
        queries: JobQueries,
        post_commit: PostCommit,
        clock: Callable[[], float],
        settings: Settings,
    ) -> None:
        self._objects = objects
        self._records = records
        self._queries = queries
        self._post_commit = post_commit
        self._clock = clock
        self._settings = settings
        self._admission = Admission(records=records, settings=settings)
        self._references = References(objects=objects, clock=clock)

    def new_job_id(self) -> str:
        """Return an id for a submission: sorts by time, unguessable, safe in a URL."""
        return new_job_id(self._clock())

    def announce(self, job: str, tenant: str) -> None:
        """Announce a submission before its uploads, so that they are cleared if it is cut off.

        Raises QueueFull while the queue is full: then nothing needs to be sent.
        """
        self._admission.check(tenant)
        Manifest(store=self._objects, tenant=tenant, job=job).open()

    def check_time(self, job: str) -> None:
        """Raise InvalidRequest once an announced submission takes too long to be accepted.

        The sweeper may be about to clear it away, and would miss what is stored after that.
        """
        if self._clock() - job_time(job) > SUBMISSION_SECONDS:
            raise InvalidRequest("Sending it took too long; send an album in smaller jobs.")

    def submit(self, draft: JobDraft, photos: Iterable[PhotoEntry]) -> JobView:
        """Accept an album; `photos` is streamed, its indices 0, 1, 2, ….

        When this returns, the job survives any loss but S3's. Raises InvalidRequest,
        AlbumTooLarge, QueueFull, ServiceUnavailable and whatever `photos` raises: then nothing was
        accepted, and the uploads below the job's prefix are gone.
        """
        record, chunks = self._accept(draft, lambda manifest: self._write(manifest, draft, photos))
        log.info("job submitted", job_id=draft.id, tenant=draft.tenant, photos=record.spec.total)
        self._post_commit.notify(record, chunks)
        return self._queries.view(record)

    def submit_training(self, draft: JobDraft) -> JobView:
        """Accept a training and reserve the name of its style.

        When this returns, the job survives any loss but S3's. Raises InvalidRequest, StyleTaken,
        QueueFull and ServiceUnavailable: then nothing was accepted, and what was uploaded below
        the job's prefix is gone.
        """
        if draft.training is None:
            raise InvalidRequest("A training needs a training config.")
        config = draft.training
        total = len(config.stages)

        def write(manifest: Manifest) -> JobSpec:
            self._references.add_training(draft, config)
            StyleNames(self._objects).reserve(draft.style_place, draft.id, draft.tenant)
            return self._commit(manifest, draft, total=total, chunk_photos=total)

        record, chunks = self._accept(draft, write)
        log.info("training submitted", job_id=draft.id, tenant=draft.tenant, style=draft.style)
        self._post_commit.notify(record, chunks)
        return self._queries.view(record)

    def retry(self, job: str, tenant: str) -> JobView:
        """Send the failed photos of a job that has ended as a job of their own, and return that.

        Raises JobMissing, JobNotFinished, NothingToRetry, StyleMissing and what `submit` raises.
        """
        record = self._queries.find(job, tenant)
        draft, photos = failed_photos(record, self._objects, self.new_job_id())
        keys = bool(self._settings.api_keys)
        styles = TenantStyles(StyleCatalogue(self._objects), tenant, keys=keys)
        return self.submit(with_nets(draft, self._objects, styles), photos)

    def _accept(
        self, draft: JobDraft, write: Callable[[Manifest], JobSpec]
    ) -> tuple[JobRecord, list[int]]:
        """Keep the job in S3 and Redis; returns its record and the chunks to notify of.

        On any error, everything written is taken back.
        """
        manifest = Manifest(store=self._objects, tenant=draft.tenant, job=draft.id)
        manifest.open()
        try:
            self._admission.check(draft.tenant)
            spec = write(manifest)
            record = JobRecord(spec=spec)
            record, chunks = rules.offer(record, self._clock(), self._settings.job_window)
            self._records.create(record)
        except Exception:
            self._withdraw(manifest, draft)
            raise
        return record, chunks

    def _write(self, manifest: Manifest, draft: JobDraft, photos: Iterable[PhotoEntry]) -> JobSpec:
        referenced = self._references.add_photos(draft, self._limited(photos))
        total = manifest.write_photos(referenced)
        if total == 0:
            raise InvalidRequest("The album has no photos; send at least one.")
        return self._commit(manifest, draft, total=total, chunk_photos=self._settings.chunk_photos)

    def _commit(
        self, manifest: Manifest, draft: JobDraft, *, total: int, chunk_photos: int
    ) -> JobSpec:
        self.check_time(draft.id)
        spec = JobSpec(
            **draft.model_dump(),
            total=total,
            chunk_photos=chunk_photos,
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

    def _withdraw(self, manifest: Manifest, draft: JobDraft) -> None:
        """Take back a failed submission, as far as that is possible now.

        S3 first: while the spec is there, a sweep would make the record again, and then a training
        needs its name. A survey finds the rest by its marker later: without a spec it is
        discarded, with one the job runs although its sender was told to try again.
        """

        def discard() -> None:
            manifest.discard()
            if draft.training is not None:
                StyleNames(self._objects).release(draft.style_place, draft.id)

        for step in (discard, lambda: self._records.remove(draft.id)):  # each, though one failed
            try:
                step()
            except ServiceUnavailable as error:
                log.warning("submission not withdrawn", job_id=draft.id, reason=error.detail)
