"""The steps of one photo before and after the device: fetch, look up, decode; encode, store."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from infra import layout
from infra.catalogue.style import is_photo_alone
from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome
from infra.jobs.result_index import ResultIndexEntry
from infra.storage.port import ObjectStore
from infra.storage.unreadable import UnreadableObject, raise_outage
from worker.album.digest import result_digest
from worker.album.results import ResultStore
from worker.fetch.photo import fetch_photo
from worker.pixels import Photo, PhotoRejected, encode, result_name
from worker.pixels.memory_budget import Reservation
from worker.pixels.photo import Pixels
from worker.pixels.result_format import in_format


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPhoto:
    """A decoded photo on its way to the device; `seconds` is the work that it took so far.

    Its memory reservation is held until its result is stored or the photo fails.
    """

    entry: PhotoEntry
    digest: str
    photo: Photo
    reservation: Reservation
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPhoto:
    """An encoded result on its way to the bucket."""

    prepared: PreparedPhoto
    data: bytes
    seconds: float


class PhotoSteps:
    """The steps for the photos of one job.

    Steps that use the bucket raise ServiceUnavailable in an outage and are safe to repeat. `clock`
    measures seconds of work.
    """

    def __init__(
        self,
        *,
        spec: JobSpec,
        objects: ObjectStore,
        decode: Callable[[bytes], tuple[Photo, Reservation]],
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._objects = objects
        self._decode = decode
        self._max_bytes = max_bytes
        self._clock = clock
        self._unpainted = is_photo_alone(spec.blend)
        self._results = ResultStore(objects=objects, tenant=spec.tenant, job=spec.id)

    def prepare(self, entry: PhotoEntry) -> PreparedPhoto | PhotoOutcome:
        """Fetch and decode a photo; the outcome right away where its result is there already.

        Raises PhotoRejected, also with the fault that the entry came with and as `fetch_photo`
        does; UnreadableObject where S3 serves other objects now, and not the photo.
        """
        data = self._fetch(entry)
        digest = result_digest(
            hashlib.sha256(data).hexdigest(),
            self._spec.blend,
            self._spec.stroke,
            self._spec.metadata,
            self._spec.format,
        )
        if found := self._found(digest):
            return _outcome(entry, found, seconds=0.0, cached=True)
        started = self._clock()
        photo, reservation = self._decode(data)
        photo = in_format(photo, self._spec.format, data)
        seconds = self._clock() - started
        return PreparedPhoto(
            entry=entry, digest=digest, photo=photo, reservation=reservation, seconds=seconds
        )

    def encode(self, prepared: PreparedPhoto, painting: Pixels, seconds: float) -> PaintedPhoto:
        """Encode a painting, (H, W, 3) of exactly its photo's size; painting took `seconds`."""
        started = self._clock()
        data = encode(painting, prepared.photo, faithful=self._unpainted)
        seconds += prepared.seconds + self._clock() - started
        return PaintedPhoto(prepared=prepared, data=data, seconds=seconds)

    def store(self, painted: PaintedPhoto) -> PhotoOutcome:
        """Store a result and return the outcome that commits it."""
        prepared = painted.prepared
        result = self._results.keep(prepared.digest, painted.data, prepared.photo)
        return _outcome(prepared.entry, result, seconds=painted.seconds, cached=False)

    def _fetch(self, entry: PhotoEntry) -> bytes:
        if entry.fault is not None:
            raise PhotoRejected(entry.fault.type, entry.fault.detail)
        try:
            return fetch_photo(self._objects, entry.key, self._max_bytes, entry.member)
        except ServiceUnavailable as error:
            self._check_outage()
            raise UnreadableObject(entry.key, error) from error

    def _found(self, digest: str) -> ResultIndexEntry | None:
        """Return the index entry of a result that is there; an unreadable one is made anew."""
        try:
            return self._results.find(digest)
        except ServiceUnavailable:
            self._check_outage()
            return None

    def _check_outage(self) -> None:
        """Raise ServiceUnavailable where not even the job's own spec can be read."""
        raise_outage(self._objects, layout.job_spec(self._spec.tenant, self._spec.id))


def _outcome(
    entry: PhotoEntry, result: ResultIndexEntry, *, seconds: float, cached: bool
) -> PhotoOutcome:
    return PhotoOutcome(
        index=entry.index,
        result=result.key,
        result_name=result_name(entry.name, result.format, entry.stem),
        width=result.width,
        height=result.height,
        bytes=result.bytes,
        seconds=seconds,
        cached=cached,
        note=result.note,
    )
