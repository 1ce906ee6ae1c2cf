"""Albums that come with the request: each photo goes to S3 before the next one is read."""

from collections.abc import Iterable

import structlog

from api.albums import make_draft, parse_options
from api.multipart import FilePart, TextPart
from api.photo_names import UniqueNames, safe_name
from api.problems import FieldError, InvalidFields
from api.services import Services
from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.manifest import Manifest
from infra.jobs.model import JobDraft, PhotoEntry
from infra.jobs.views import JobView

#: Name of the form field that carries a photo.
PHOTOS = "photos"

log = structlog.get_logger(__name__)


def submit_upload(
    parts: Iterable[TextPart | FilePart], *, services: Services, tenant: str
) -> JobView:
    """Submit an album that comes as form data.

    Raises InvalidRequest, AlbumTooLarge, what reading `parts` raises and what the job service
    raises; then none of the photos stay in S3.
    """
    job = services.jobs.new_job_id()
    services.jobs.announce(job, tenant)
    upload = _Upload(services, tenant, job)
    try:
        upload.receive(parts)
        draft = upload.draft()
    except BaseException:
        upload.discard()
        raise
    return services.jobs.submit(draft, upload.entries())


class _Upload:
    """An album half received."""

    def __init__(self, services: Services, tenant: str, job: str) -> None:
        self._services = services
        self._tenant = tenant
        self._job = job
        self._fields: dict[str, str] = {}
        self._unique = UniqueNames()
        self._names: list[str] = []

    def receive(self, parts: Iterable[TextPart | FilePart]) -> None:
        """Keep the fields, and store the photos one by one."""
        for part in parts:
            if isinstance(part, TextPart):
                self._keep(part)
            elif part.filename or part.file.read(1):  # else: a form sent without choosing a file
                part.file.seek(0)
                self._store(part)
        if not self._names:
            raise InvalidRequest(
                f"The album has no photos. Send each as a file in the form field `{PHOTOS}`."
            )

    def draft(self) -> JobDraft:
        """Return what the fields ask for; raises InvalidFields and UnknownStyle."""
        options = parse_options(self._fields)
        return make_draft(options, self._job, services=self._services, tenant=self._tenant)

    def entries(self) -> Iterable[PhotoEntry]:
        """Yield the manifest's lines."""
        for index, name in enumerate(self._names):
            yield PhotoEntry(index=index, name=name, key=self._key(index, name))

    def discard(self) -> None:
        """Remove what was stored; what cannot be reached now is cleared by the sweeper."""
        try:
            Manifest(store=self._services.objects, tenant=self._tenant, job=self._job).discard()
        except Exception as error:
            log.warning("upload not discarded", job_id=self._job, reason=repr(error))

    def _keep(self, part: TextPart) -> None:
        if part.name in self._fields:
            raise _field_error(part.name, "given more than once")
        if part.name == PHOTOS:
            raise _field_error(PHOTOS, "must be a file: curl -F photos=@photo.jpg")
        self._fields[part.name] = part.value
        if "style" in self._fields:
            # A mistake that shows already is told before the album is sent, not after.
            self.draft()

    def _store(self, part: FilePart) -> None:
        if part.name != PHOTOS:
            raise _field_error(part.name, f"unknown file field; photos go in `{PHOTOS}`")
        limit = self._services.settings.max_album_photos
        if len(self._names) >= limit:
            raise AlbumTooLarge(f"An album may have {limit} photos; send more than one job.")
        name = self._unique.take(safe_name(part.filename))
        self._services.objects.put(self._key(len(self._names), name), part.file)
        self._names.append(name)

    def _key(self, index: int, name: str) -> str:
        return layout.upload(self._tenant, self._job, index, name)


def _field_error(name: str, detail: str) -> InvalidFields:
    return InvalidFields([FieldError(pointer=f"/{name}", detail=detail)])
