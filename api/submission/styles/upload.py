"""An import of a style: its file and its fields, as form data."""

import shutil
from collections.abc import Collection, Iterable
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from pydantic import ValidationError

from api.archives.style_zip import open_style_zip
from api.problems import invalid_fields
from api.schemas.styles import StyleImport
from api.services import Services
from api.submission.form import field_error
from api.submission.multipart import SPOOL_BYTES, FilePart, TextPart
from infra.catalogue import Style
from infra.catalogue.packed import read_packed
from infra.disk import is_full_disk
from infra.errors import ServiceUnavailable, StyleFileRejected, StyleTooLarge

#: Name of the form field that carries the file.
FILE: Final = "file"


def import_style(parts: Iterable[TextPart | FilePart], *, services: Services, tenant: str) -> Style:
    """Publish a style that comes as form data.

    Raises InvalidRequest, StyleFileRejected, StyleTooLarge, StyleTaken, StyleBusy and what reading
    `parts` raises; then nothing of it is kept.
    """
    fields: dict[str, str] = {}
    with SpooledTemporaryFile[bytes](max_size=SPOOL_BYTES) as file:
        try:
            for part in parts:
                _check(part, [*fields, *([FILE] if file.tell() else [])])
                if isinstance(part, TextPart):
                    fields[part.name] = part.value
                elif part.too_large:
                    limit = services.settings.max_style_bytes
                    raise StyleTooLarge(f"A style file may have {limit} bytes.")
                else:  # what comes behind it may be its name
                    shutil.copyfileobj(part.file, file)
        except OSError as error:
            if not is_full_disk(error):
                raise
            raise ServiceUnavailable("The server's disk for uploads is full.") from error
        size = file.tell()
        if not size:
            raise field_error(FILE, f"is missing or empty: curl -F {FILE}=@night.style.zip")
        return _publish(cast("BinaryIO", file), size, _options(fields), services, tenant)


def _check(part: TextPart | FilePart, known: Collection[str]) -> None:
    """Raise InvalidFields for a part that an import does not have, or had already."""
    if part.name in known:
        raise field_error(part.name, "given more than once")
    if part.name == FILE and isinstance(part, TextPart):
        raise field_error(FILE, f"must be a file: curl -F {FILE}=@night.style.zip")
    if part.name not in ((FILE,) if isinstance(part, FilePart) else StyleImport.model_fields):
        raise field_error(part.name, "an import has no field of that name")


def _options(fields: dict[str, str]) -> StyleImport:
    try:
        return StyleImport.model_validate(fields)
    except ValidationError as error:
        raise invalid_fields(error) from error


def _publish(
    file: BinaryIO, size: int, options: StyleImport, services: Services, tenant: str
) -> Style:
    archive = open_style_zip(file, size, max_bytes=services.settings.max_style_bytes)
    packed = read_packed(archive.sizes, archive.read)
    if packed.backbone and not (
        packed.manifest.backbone or services.styles.backbone_key(packed.backbone)
    ):
        raise StyleFileRejected(
            f"Its nets are quick ones, made for the backbone {packed.backbone[:12]}…, which is "
            "neither in the file nor here. Pack it too: `impasto styles import FOLDER "
            "--backbone backbone.safetensors`."
        )
    styles = services.styles_of(tenant)
    name = options.name or packed.manifest.name
    styles.check_free(name, options.visibility)
    visibility = styles.visibility(options.visibility)
    return services.changes.add(packed, name=name, tenant=tenant, visibility=visibility)
