"""Results in the bucket: each job's own, found again by the hash of what made them."""

from dataclasses import dataclass

from pydantic import ValidationError

from infra import layout
from infra.jobs.domain.model import Value
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore
from worker.pixels import MEDIA_TYPES, Photo
from worker.pixels.photo import ResultFormat

_SUFFIXES: dict[ResultFormat, str] = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


class Receipt(Value):
    """Says that a result is whole: where it lies, and what it is."""

    key: str
    bytes: int
    width: int
    height: int
    format: ResultFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultShelf:
    """The results of one job, and the way to those of its tenant's other jobs."""

    objects: ObjectStore
    tenant: str
    job: str

    def find(self, digest: str) -> Receipt | None:
        """Return the receipt of a result that is there, whole and to be had, else None.

        What another job has is copied: it may be removed with that job at any moment.
        """
        try:
            receipt = Receipt.model_validate_json(
                self.objects.get(layout.receipt(self.tenant, digest))
            )
            own = receipt.model_copy(update={"key": self._key(digest, receipt.format)})
            if own.key != receipt.key:
                self.objects.copy(receipt.key, own.key)
            whole = self.objects.head(own.key).size == own.bytes
        except (ObjectMissing, ObjectRefused, ValidationError):
            return None
        if whole and own.key != receipt.key:
            self._put_receipt(digest, own)  # of the two copies, ours will stay longer
        return own if whole else None

    def keep(self, digest: str, data: bytes, photo: Photo) -> Receipt:
        """Store the encoded result of a photo; doing it again changes nothing."""
        receipt = Receipt(
            key=self._key(digest, photo.format),
            bytes=len(data),
            width=photo.width,
            height=photo.height,
            format=photo.format,
        )
        self.objects.put(receipt.key, data, content_type=MEDIA_TYPES[photo.format])
        # The receipt last: whoever finds it may rely on the result being whole.
        self._put_receipt(digest, receipt)
        return receipt

    def _key(self, digest: str, kind: ResultFormat) -> str:
        return layout.result(self.tenant, self.job, digest, _SUFFIXES[kind])

    def _put_receipt(self, digest: str, receipt: Receipt) -> None:
        self.objects.put(
            layout.receipt(self.tenant, digest),
            receipt.model_dump_json().encode(),
            content_type="application/json",
        )
