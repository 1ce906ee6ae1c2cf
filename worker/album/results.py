"""Results in the bucket: each job's own, found again by the hash of what made them."""

from dataclasses import dataclass

from pydantic import ValidationError

from infra import layout
from infra.jobs.formats import RESULT_MEDIA_TYPES, ResultFormat
from infra.jobs.result_index import ResultIndexEntry
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore
from worker.pixels import Photo

_SUFFIXES: dict[ResultFormat, str] = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStore:
    """The results of one job, and the way to those of its tenant's other jobs."""

    objects: ObjectStore
    tenant: str
    job: str

    def find(self, digest: str) -> ResultIndexEntry | None:
        """Return the index entry of a result that is there, whole and readable, else None.

        What another job has is copied: it may be removed with that job at any moment.
        """
        try:
            entry = ResultIndexEntry.model_validate_json(
                self.objects.get(layout.result_index_entry(self.tenant, digest))
            )
            own = entry.model_copy(update={"key": self._key(digest, entry.format)})
            if own.key != entry.key:
                self.objects.copy(entry.key, own.key)
            whole = self.objects.head(own.key).size == own.bytes
        except (ObjectMissing, ObjectRefused, ValidationError):
            return None
        if whole and own.key != entry.key:
            self._put_entry(digest, own)  # of the two copies, ours will stay longer
        return own if whole else None

    def keep(self, digest: str, data: bytes, photo: Photo) -> ResultIndexEntry:
        """Store the encoded result of a photo; doing it again changes nothing."""
        entry = ResultIndexEntry(
            key=self._key(digest, photo.format),
            bytes=len(data),
            width=photo.width,
            height=photo.height,
            format=photo.format,
            note=photo.note,
        )
        self.objects.put(entry.key, data, content_type=RESULT_MEDIA_TYPES[photo.format])
        # The entry last: whoever finds it may rely on the result being whole.
        self._put_entry(digest, entry)
        return entry

    def _key(self, digest: str, kind: ResultFormat) -> str:
        return layout.result(self.tenant, self.job, digest, _SUFFIXES[kind])

    def _put_entry(self, digest: str, entry: ResultIndexEntry) -> None:
        self.objects.put(
            layout.result_index_entry(self.tenant, digest),
            entry.model_dump_json().encode(),
            content_type="application/json",
        )
