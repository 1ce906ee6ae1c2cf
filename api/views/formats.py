"""Formats over HTTP: what photos are taken, and the limits that this service runs with."""

from typing import get_args

from flask import Response

from api.responses.render import json_response
from api.schemas.formats import Formats, Limits, PhotoFormat, RefusedFormat
from api.services import services
from api.views.routing import Views
from infra.jobs.formats import ACCEPTED, REFUSED, RESULT_MEDIA_TYPES, FormatChoice

views = Views("formats", "What photos are taken.", prefix="/v1/formats")


@views.get("", "listFormats", {200: Formats})
def get_formats() -> Response:
    """List the formats that are painted, those turned away by name, and the limits."""
    settings = services().settings
    accepted = [
        PhotoFormat(
            name=known.name,
            suffixes=list(known.suffixes),
            media_types=list(known.media_types),
            result=RESULT_MEDIA_TYPES[known.result],
        )
        for known in ACCEPTED
    ]
    refused = [
        RefusedFormat(name=known.name, suffixes=list(known.suffixes), reason=known.reason)
        for known in REFUSED
    ]
    limits = Limits(
        photo_bytes=settings.max_photo_bytes,
        photo_megapixels=settings.max_photo_megapixels,
        archive_bytes=settings.max_archive_bytes,
        album_photos=settings.max_album_photos,
    )
    return json_response(
        Formats(
            accepted=accepted,
            archives=["application/zip"],
            refused=refused,
            formats=list(get_args(FormatChoice)),
            limits=limits,
        )
    )
