"""Albums as form data: each photo goes to S3 before the next one is read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from os import SEEK_END

from api.schemas.jobs import AlbumOptions
from api.services import Services
from api.submission.album import make_draft, parse_options
from api.submission.form import Fields, Form
from api.submission.multipart import FilePart
from api.submission.photo_locations import PhotoLocation, any_readable, archive_locations
from impasto_client.photo_names import UniqueNames, safe_name
from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.domain.model import JobDraft, PhotoEntry
from infra.jobs.views import JobView

#: Name of the form field that carries a photo.
PHOTOS = "photos"


class AlbumForm(Form):
    """An album that is being received."""

    options = AlbumOptions
    files = (PHOTOS,)
    archives = (PHOTOS,)

    def __init__(self, services: Services, tenant: str, job: str) -> None:
        super().__init__(services, tenant, job)
        self._unique = UniqueNames()
        #: Where each photo lies, under its name in the album.
        self._photos: list[PhotoLocation] = []
        self._bytes = 0

    def check(self, fields: Fields) -> None:
        """Raise InvalidFields and UnknownStyle, once the style is named."""
        if "style" in fields:
            self._draft(fields)

    def store(self, part: FilePart) -> None:
        """Store a photo, or an archive, under the number that the next photo has in the album.

        An archive stays as it is, a damaged one too. Raises what else its directory raises.
        """
        if part.name != PHOTOS:
            raise self.refuse_file(part)
        if part.archive:
            key = self._put(part, safe_name(part.filename))
            for location in self._archived(key, part.filename):
                self._check_room()
                name = self._unique.take(safe_name(location.name))
                self._photos.append(replace(location, name=name))
        else:
            self._check_room()
            name = self._unique.take(safe_name(part.filename))
            self._photos.append(PhotoLocation(name, self._put(part, name)))

    def finish(self, fields: Fields) -> Callable[[], JobView]:
        """Raise InvalidRequest for an album without photos, and what `check` raises.

        Where all that was sent are damaged archives, it raises ArchiveDamaged.
        """
        if not self._photos:
            raise InvalidRequest(
                f"The album has no photos. Send each as a file in the form field `{PHOTOS}`."
            )
        self._photos = list(any_readable(self._photos))
        draft = self._draft(fields).model_copy(update={"bytes": self._bytes})
        return lambda: self.services.jobs.submission.submit(draft, self._entries())

    def _draft(self, fields: Fields) -> JobDraft:
        options = parse_options(fields)
        return make_draft(options, self.job, services=self.services, tenant=self.tenant)

    def _entries(self) -> Iterable[PhotoEntry]:
        for index, location in enumerate(self._photos):
            yield location.entry(index, location.name)

    def _archived(self, key: str, filename: str) -> Iterator[PhotoLocation]:
        objects, settings = self.services.objects, self.services.settings
        return archive_locations(objects, key, settings, name=safe_name(filename))

    def _put(self, part: FilePart, name: str) -> str:
        key = layout.upload(self.tenant, self.job, len(self._photos), name)
        if not part.archive:
            self._bytes += part.file.seek(0, SEEK_END)
            part.file.seek(0)
        self.services.objects.put(key, part.file)
        if part.archive:  # it passes by once, and its size is known when it lies in the bucket
            self._bytes += self.services.objects.head(key).size
        return key

    def _check_room(self) -> None:
        limit = self.services.settings.max_album_photos
        if len(self._photos) >= limit:
            raise AlbumTooLarge(f"An album may have {limit} photos; send more than one job.")
