"""Albums as form data: each photo goes to S3 before the next one is read."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from os import SEEK_END

from api.archives.archived_photos import TOO_MANY_BYTES
from api.schemas.jobs import AlbumOptions
from api.services import Services
from api.submission.album import check_room, make_draft, parse_options
from api.submission.form import Fields, Form
from api.submission.multipart import FilePart, too_large
from api.submission.naming import safe_path
from api.submission.photo_locations import (
    PassedOver,
    PhotoLocation,
    archive_locations,
    check_readable,
    name_photos,
)
from impasto_client.photo_names import safe_name
from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.domain.model import JobDraft, Problem
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
        #: Where each photo lies, by its path in the album.
        self._photos: list[PhotoLocation] = []
        self._passed_over = PassedOver()
        self._bytes = 0

    def check(self, fields: Fields) -> None:
        """Raise InvalidFields and UnknownStyle, once the style is named."""
        if "style" in fields:
            self._draft(fields)

    def store(self, part: FilePart) -> None:
        """Store a photo, or an archive, under the number that the next photo has in the album.

        An archive stays as it is, a damaged one too. A file that is too large fails alone. Raises
        what else a directory raises.
        """
        if part.name != PHOTOS:
            raise self.refuse_file(part)
        if part.archive:
            for location in self._archived(part):
                self._check_room()
                self._photos.append(location)
        else:
            self._check_room()
            self._photos.append(self._photo(part))

    def finish(self, fields: Fields) -> Callable[[], JobView]:
        """Raise InvalidRequest for an album without photos, and what `check` raises.

        Where nothing that was sent can be fetched, it raises what `check_readable` raises.
        """
        note = self._passed_over.note()
        if not self._photos:
            raise InvalidRequest(
                f"The album has no photos. Send each as a file in the form field `{PHOTOS}`. "
                f"{note or ''}".strip()
            )
        check_readable(self._photos)
        draft = self._draft(fields).model_copy(update={"bytes": self._bytes, "note": note})
        return lambda: self.services.jobs.submission.submit(draft, name_photos(self._photos))

    def _draft(self, fields: Fields) -> JobDraft:
        options = parse_options(fields)
        return make_draft(options, self.job, services=self.services, tenant=self.tenant)

    def _photo(self, part: FilePart) -> PhotoLocation:
        location = self._location(part)
        if part.too_large:
            return _failing(
                location, too_large(part.filename, self.services.settings.max_photo_bytes)
            )
        self._bytes += part.file.seek(0, SEEK_END)
        part.file.seek(0)
        self.services.objects.put(location.key, part.file)
        return location

    def _archived(self, part: FilePart) -> Iterator[PhotoLocation]:
        objects, settings = self.services.objects, self.services.settings
        archive = self._location(part)
        try:
            objects.put(archive.key, part.file)
        except AlbumTooLarge as error:  # it passes by once, and is measured meanwhile
            return iter([_failing(archive, error.detail)])
        self._bytes += objects.head(archive.key).size
        name = safe_path(part.filename)
        return archive_locations(objects, archive, settings, self._passed_over, name=name)

    def _location(self, part: FilePart) -> PhotoLocation:
        name = safe_name(part.filename)
        key = layout.upload(self.tenant, self.job, len(self._photos), name)
        return PhotoLocation(part.filename, key, source=part.filename, modified=part.modified)

    def _check_room(self) -> None:
        check_room(len(self._photos) + 1, self.services.settings.max_album_photos)


def _failing(location: PhotoLocation, detail: str) -> PhotoLocation:
    """Return the location of a file that was too large to be kept: its item fails alone."""
    return replace(location, fault=Problem(type=TOO_MANY_BYTES, detail=detail))
