"""Previews over HTTP: one photo, small, in several styles or strengths, within seconds."""

from typing import Any

from flask import Response, request

from api.problems import MalformedRequest, PreviewFailed, ResultMissing, UnsupportedMediaType
from api.responses.addresses import preview_page
from api.responses.files import conditional, stream_file
from api.responses.previews import render_preview
from api.responses.render import json_response
from api.schemas.previews import (
    PreviewHeaders,
    PreviewIdPath,
    PreviewPicturePath,
    StylePreview,
)
from api.services import services, tenant
from api.submission.multipart import read_parts
from api.submission.previews.form import receive_preview
from api.views.openapi import (
    PRECONDITION_FAILED,
    QUEUE_FULL,
    file,
    preview_body,
    problem,
)
from api.views.routing import Views
from api.waiting import preferred_wait
from infra import layout
from infra.previews.model import PaintedFile, PreviewView
from infra.storage.port import ObjectMissing

#: Bytes that the fields and the boundaries around a photo may take.
FORM_BYTES = 1024 * 1024
_JPEG = "image/jpeg"

views = Views("previews", "A photo in every style, to choose by.", prefix="/v1/previews")

_MISSING = {404: problem("`preview-missing`: there is no such preview, or not any more.")}
_FILE: dict[int, Any] = {
    200: file("The picture.", _JPEG),
    304: {"description": "The client has this picture already."},
    404: problem("`preview-missing`; or `result-missing`: it is not painted yet, or never was."),
    **PRECONDITION_FAILED,
}


@views.post(
    "",
    "createPreview",
    {
        200: {
            "description": "It has ended within the time that `Prefer` names. With `Accept: "
            "image/jpeg` this is the sheet itself.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/StylePreview"}},
                _JPEG: {"schema": {"type": "string"}},
            },
        },
        202: StylePreview,
        400: problem("`malformed-request`: the body cannot be read."),
        413: problem("`album-too-large`: the photo has more bytes than allowed."),
        415: problem("`unsupported-media-type`: the body is no form data."),
        422: problem(
            "`invalid-request`: `errors` says where. `style-missing`: no style has that name. "
            "`preview-failed`: a sheet was to be the answer, and cannot be painted."
        ),
        **QUEUE_FULL,
    },
    body=preview_body(),
)
def create_preview(header: PreviewHeaders) -> Response:
    """Show one photo in all styles, in some, or in one at several strengths.

    The pictures are small, and painted before albums go on. `Location` says where to look; with
    `Prefer: wait=20` the answer comes when they are there, if that takes no longer.
    """
    view = _receive()
    wanted = preferred_wait(header.Prefer)
    view = services().held.hold(
        view,
        lambda: services().previews.find(tenant(), view.spec.id),
        ended=lambda seen: seen.outcome is not None,
        seconds=wanted,
    )
    ended = view.outcome is not None
    response = _answer(view) if ended else json_response(render_preview(view), 202)
    response.headers["Location"] = preview_page(view.spec.id)
    if wanted:
        response.headers["Preference-Applied"] = f"wait={wanted}"
    if not ended:
        response.headers["Retry-After"] = "1"
    return response


@views.get("/<preview_id>", "getPreviewState", {200: StylePreview, **_MISSING})
def get_preview_state(path: PreviewIdPath) -> Response:
    """Look at a preview: whether it is painted, and where its pictures are."""
    view = services().previews.find(tenant(), path.preview_id)
    response = json_response(render_preview(view))
    if view.outcome is None:
        response.headers["Retry-After"] = "1"
    return response


@views.get("/<preview_id>/sheet.jpg", "getPreviewSheet", _FILE)
def get_preview_sheet(path: PreviewIdPath) -> Response:
    """Fetch the sheet: the photo, then each picture with its name."""
    view = services().previews.find(tenant(), path.preview_id)
    return conditional(_sheet(view))


@views.get("/<preview_id>/pictures/<int:number>.jpg", "getPreviewPicture", _FILE)
def get_preview_picture(path: PreviewPicturePath) -> Response:
    """Fetch one picture of a preview that is no sheet."""
    view = services().previews.find(tenant(), path.preview_id)
    pictures = view.outcome.pictures if view.outcome else ()
    found = pictures[path.number] if path.number < len(pictures) else None
    key = layout.preview_picture(view.spec.tenant, view.spec.id, path.number)
    return conditional(_file(view, found, key))


def _receive() -> PreviewView:
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send a preview as multipart/form-data with its photo.")
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise MalformedRequest("The Content-Type of the form data names no boundary.")
    limit = services().settings.max_photo_bytes
    request.max_content_length = limit + FORM_BYTES
    parts = read_parts(request.stream, boundary, max_file_bytes=limit)
    return receive_preview(parts, services=services(), tenant=tenant())


def _answer(view: PreviewView) -> Response:
    """Return a preview that has ended: its sheet where that is asked for, else what it is."""
    kinds = ("application/json", _JPEG)
    if not view.spec.sheet or request.accept_mimetypes.best_match(kinds) != _JPEG:
        return json_response(render_preview(view))
    if view.outcome and view.outcome.error:
        raise PreviewFailed(_reason(view))
    response = _sheet(view)
    response.headers["Content-Location"] = f"{preview_page(view.spec.id)}/sheet.jpg"
    return response


def _sheet(view: PreviewView) -> Response:
    found = view.outcome.sheet if view.outcome else None
    return _file(view, found, layout.preview_sheet(view.spec.tenant, view.spec.id))


def _file(view: PreviewView, found: PaintedFile | None, key: str) -> Response:
    """Return a file of a preview, whole; raises ResultMissing."""
    if found is None:
        raise ResultMissing(_reason(view))
    response = Response(content_type=_JPEG)
    response.content_length = found.bytes
    response.set_etag(f"{view.spec.id}-{found.bytes}")
    response.headers["Cache-Control"] = "private, max-age=3600"
    try:
        return stream_file(response, services().objects, key)
    except ObjectMissing as error:
        raise ResultMissing("The picture has been removed; send the photo again.") from error


def _reason(view: PreviewView) -> str:
    """Say why a picture is not there."""
    if view.outcome is None:
        return f"The preview is {view.state}; its pictures are not there yet."
    if (error := view.outcome.error) is not None:
        return f"The preview failed ({error.type}): {error.detail}"
    return "The preview has no such picture: it has a sheet, or that one failed."
