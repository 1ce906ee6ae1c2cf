"""Albums that come with the request: each photo goes to S3 before the next one is read."""

from collections.abc import Callable, Iterable

from api.albums import make_draft, parse_options
from api.forms import Fields, Form
from api.multipart import FilePart
from api.photo_names import UniqueNames, safe_name
from api.schemas import AlbumOptions
from api.services import Services
from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.model import JobDraft, PhotoEntry
from infra.jobs.views import JobView

#: Name of the form field that carries a photo.
PHOTOS = "photos"


class AlbumForm(Form):
    """An album half received."""

    options = AlbumOptions
    files = (PHOTOS,)

    def __init__(self, services: Services, tenant: str, job: str) -> None:
        super().__init__(services, tenant, job)
        self._unique = UniqueNames()
        self._names: list[str] = []

    def check(self, fields: Fields) -> None:
        """Raise InvalidFields and UnknownStyle, once the style is named."""
        if "style" in fields:
            self._draft(fields)

    def store(self, part: FilePart) -> None:
        """Store a photo under the number it has in the album."""
        if part.name != PHOTOS:
            raise self.refuse_file(part)
        limit = self.services.settings.max_album_photos
        if len(self._names) >= limit:
            raise AlbumTooLarge(f"An album may have {limit} photos; send more than one job.")
        name = self._unique.take(safe_name(part.filename))
        self.services.objects.put(self._key(len(self._names), name), part.file)
        self._names.append(name)

    def finish(self, fields: Fields) -> Callable[[], JobView]:
        """Raise InvalidRequest for an album without photos, and what `check` raises."""
        if not self._names:
            raise InvalidRequest(
                f"The album has no photos. Send each as a file in the form field `{PHOTOS}`."
            )
        draft = self._draft(fields)
        return lambda: self.services.jobs.submit(draft, self._entries())

    def _draft(self, fields: Fields) -> JobDraft:
        options = parse_options(fields)
        return make_draft(options, self.job, services=self.services, tenant=self.tenant)

    def _entries(self) -> Iterable[PhotoEntry]:
        for index, name in enumerate(self._names):
            yield PhotoEntry(index=index, name=name, key=self._key(index, name))

    def _key(self, index: int, name: str) -> str:
        return layout.upload(self.tenant, self.job, index, name)
