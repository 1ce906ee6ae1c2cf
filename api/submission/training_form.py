"""Trainings as form data, with their painting."""

import re
from collections.abc import Callable
from hashlib import sha256

from api.schemas.training import MAX_PREVIEWS, TrainingOptions
from api.services import Services
from api.submission.form import Fields, Form, field_error
from api.submission.multipart import READ_BYTES, FilePart, shown, too_large
from api.submission.painting_check import HEADER_BYTES, painting_fault
from api.submission.training import make_training_draft, parse_training_options
from impasto_client.photo_names import UniqueNames, safe_name, split_suffix
from infra import layout
from infra.errors import AlbumTooLarge
from infra.jobs.domain.model import Painting
from infra.jobs.views import JobView

#: Names of the form fields that carry the painting, and photos to show each stage on.
PAINTING = "painting"
PREVIEWS = "previews"


class TrainingForm(Form):
    """A training that is being received."""

    options = TrainingOptions
    files = (PAINTING, PREVIEWS)

    def __init__(self, services: Services, tenant: str, job: str) -> None:
        super().__init__(services, tenant, job)
        self._painting: Painting | None = None
        self._previews: list[str] = []
        self._unique = UniqueNames()

    def check(self, fields: Fields) -> None:
        """Raise InvalidFields and StyleTaken, once the style is named."""
        if "style" in fields:
            options = parse_training_options(fields)
            styles = self.services.styles_of(self.tenant)
            styles.check_free(options.style, options.visibility)

    def store(self, part: FilePart) -> None:
        """Store the painting, or a photo for the previews; raises AlbumTooLarge besides."""
        if part.name not in self.files:
            raise self.refuse_file(part)
        if part.too_large:
            raise AlbumTooLarge(too_large(part.filename, self.services.settings.max_photo_bytes))
        if not part.file.read(1):
            raise field_error(part.name, f"the file {shown(part.filename)} is empty")
        part.file.seek(0)
        if part.name == PAINTING:
            self._store_painting(part)
        else:
            self._store_preview(part)

    def finish(self, fields: Fields) -> Callable[[], JobView]:
        """Raise InvalidFields where the painting is missing, and what `check` raises."""
        options = parse_training_options(fields)
        if self._painting is None:
            raise field_error(PAINTING, "is missing: curl -F painting=@painting.jpg")
        draft = make_training_draft(
            options,
            self.job,
            painting=self._painting,
            previews=tuple(self._previews),
            services=self.services,
            tenant=self.tenant,
        )
        return lambda: self.services.jobs.submission.submit_training(draft)

    def _store_painting(self, part: FilePart) -> None:
        if self._painting is not None:
            raise field_error(PAINTING, "given more than once: a style is learnt from one painting")
        limit = self.services.settings.max_photo_megapixels
        if fault := painting_fault(part.file.read(HEADER_BYTES), limit):
            raise field_error(PAINTING, f"the file {shown(part.filename)} {fault}")
        part.file.seek(0)
        digest = sha256()
        while piece := part.file.read(READ_BYTES):
            digest.update(piece)
        part.file.seek(0)
        key = layout.painting(self.tenant, self.job, _suffix(part.filename))
        self.services.objects.put(key, part.file)
        self._painting = Painting(key=key, sha256=digest.hexdigest())

    def _store_preview(self, part: FilePart) -> None:
        number = len(self._previews)
        if number >= MAX_PREVIEWS:
            raise field_error(PREVIEWS, f"at most {MAX_PREVIEWS} photos can be previews")
        name = self._unique.take(safe_name(part.filename))
        key = layout.upload(self.tenant, self.job, number, name)
        self.services.objects.put(key, part.file)
        self._previews.append(key)


def _suffix(filename: str) -> str:
    """Return the suffix of a file's name where it is an ordinary one, else none."""
    suffix = split_suffix(safe_name(filename))[1].lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
