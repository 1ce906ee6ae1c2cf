"""A preview as form data: one photo, which nobody looks into here, and what it is shown in."""

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import ValidationError

from api.problems import UnknownStyle, invalid_fields
from api.schemas.previews import PreviewOptions
from api.services import Services
from api.submission.form import field_error
from api.submission.multipart import FilePart, TextPart, shown, too_large
from infra.catalogue.visible import TenantStyles
from infra.errors import AlbumTooLarge, InvalidRequest, StyleMissing
from infra.previews.model import MAX_PICTURES, USUAL_STRENGTHS, PictureSpec, PreviewView
from infra.previews.ports import PreviewKey

#: Name of the form field that carries the photo.
PHOTO: Final = "photo"
#: Fields that may be given more than once, which is as good as with commas between.
LISTS: Final = ("styles", "strengths")


def receive_preview(
    parts: Iterable[TextPart | FilePart], *, services: Services, tenant: str
) -> PreviewView:
    """Accept a preview that comes as form data.

    Raises InvalidRequest, UnknownStyle, AlbumTooLarge, QueueFull, ServiceUnavailable and what
    reading `parts` raises; then nothing of it is kept.
    """
    upload = _Upload(services, tenant)
    try:
        for part in parts:
            if isinstance(part, TextPart):
                upload.keep(part)
            else:
                upload.store(part)
        return upload.submit()
    except BaseException:
        upload.discard()
        raise


class _Upload:
    """The fields so far, and the preview that the photo has been stored for."""

    def __init__(self, services: Services, tenant: str) -> None:
        self._services = services
        self._tenant = tenant
        self._fields: dict[str, str] = {}
        self._key: PreviewKey | None = None

    def keep(self, part: TextPart) -> None:
        if part.name == PHOTO:
            raise field_error(PHOTO, f"must be a file: curl -F {PHOTO}=@beach.jpg")
        if part.name not in PreviewOptions.model_fields:
            raise field_error(part.name, "a preview has no field of that name")
        known = self._fields.get(part.name)
        if known is not None and part.name not in LISTS:
            raise field_error(part.name, "given more than once")
        self._fields[part.name] = part.value if known is None else f"{known},{part.value}"

    def store(self, part: FilePart) -> None:
        if part.name != PHOTO:
            raise field_error(part.name, f"unknown file field; the file goes in `{PHOTO}`")
        if self._key is not None:
            raise field_error(PHOTO, "given more than once: a preview is of one photo")
        if part.too_large:
            limit = self._services.settings.max_photo_bytes
            raise AlbumTooLarge(too_large(part.filename, limit))
        if not part.file.read(1):
            raise field_error(PHOTO, f"the file {shown(part.filename)} is empty")
        part.file.seek(0)
        self._key = self._services.previews.begin(self._tenant)
        self._services.previews.keep_photo(self._key, part.file)

    def submit(self) -> PreviewView:
        options = _options(self._fields)
        if self._key is None:
            raise field_error(PHOTO, f"is missing: curl -F {PHOTO}=@beach.jpg")
        pictures = chosen_pictures(options, self._services.styles_of(self._tenant))
        return self._services.previews.submit(
            self._key,
            pictures,
            side=options.side,
            sheet=options.sheet,
            stroke=options.stroke,
        )

    def discard(self) -> None:
        if self._key is not None:
            self._services.previews.withdraw(self._key)


def chosen_pictures(options: PreviewOptions, styles: TenantStyles) -> tuple[PictureSpec, ...]:
    """Return the pictures of a preview, each with the nets that it means now.

    Raises UnknownStyle, and InvalidRequest where there is no style, or more than fit.
    """
    try:
        if options.style is not None:
            strengths = options.strengths or USUAL_STRENGTHS
            return tuple(_picture(styles, options.style, strength) for strength in strengths)
        names = options.styles or [style.name for style in styles.list()]
        if not names:
            raise InvalidRequest("No style is published yet.")
        if len(names) > MAX_PICTURES:
            raise InvalidRequest(
                f"There are {len(names)} styles; a preview shows {MAX_PICTURES} at most. Name "
                "those to be shown in `styles`."
            )
        return tuple(_picture(styles, name, 1.0) for name in names)
    except StyleMissing as error:
        raise UnknownStyle(error.detail) from error


def _picture(styles: TenantStyles, name: str, strength: float) -> PictureSpec:
    return PictureSpec(style=name, strength=strength, blend=styles.resolve(name, strength))


def _options(fields: Mapping[str, str]) -> PreviewOptions:
    try:
        return PreviewOptions.model_validate(fields)
    except ValidationError as error:
        raise invalid_fields(error) from error
