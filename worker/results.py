"""Results in the bucket: written once, found again by the hash of what made them."""

from dataclasses import dataclass

from pydantic import ValidationError

from infra import layout
from infra.jobs.model import Value
from infra.storage.port import ObjectMissing, ObjectStore
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
    """The results of one tenant."""

    objects: ObjectStore
    tenant: str

    def find(self, digest: str) -> Receipt | None:
        """Return the receipt of a result that is there and whole, else None."""
        try:
            receipt = Receipt.model_validate_json(
                self.objects.get(layout.receipt(self.tenant, digest))
            )
            whole = self.objects.head(receipt.key).size == receipt.bytes
        except (ObjectMissing, ValidationError):
            return None
        return receipt if whole else None

    def keep(self, digest: str, data: bytes, photo: Photo) -> Receipt:
        """Store the encoded result of a photo; doing it again changes nothing."""
        receipt = Receipt(
            key=layout.result(self.tenant, digest, _SUFFIXES[photo.format]),
            bytes=len(data),
            width=photo.width,
            height=photo.height,
            format=photo.format,
        )
        self.objects.put(receipt.key, data, content_type=MEDIA_TYPES[photo.format])
        # The receipt last: whoever finds it may rely on the result being whole.
        self.objects.put(
            layout.receipt(self.tenant, digest),
            receipt.model_dump_json().encode(),
            content_type="application/json",
        )
        return receipt
