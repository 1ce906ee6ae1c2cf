"""Whole styles over HTTP: export, import, a new name, sharing, deletion."""

from flask import Response, request
from pydantic import ValidationError

from api.problems import MalformedRequest, UnsupportedMediaType, invalid_fields
from api.responses.addresses import style_address
from api.responses.files import attachment
from api.responses.render import json_response
from api.responses.style_export import StyleExport
from api.schemas.styles import Style as StyleSchema
from api.schemas.styles import StyleChange, StylePath
from api.services import services, tenant, tenant_styles
from api.submission.multipart import read_parts
from api.submission.styles.upload import import_style
from api.views.openapi import STYLE_MISSING, file, problem, style_change_body, style_file_body
from api.views.routing import Views
from api.views.styles import show
from infra.errors import StyleMissing
from infra.storage.port import ObjectMissing

#: Bytes that the fields and the boundaries around a style file may take.
FORM_BYTES = 1024 * 1024

views = Views("style changes", "Styles that come, go and change hands.", prefix="/v1/styles")

_NOT_YOURS = {403: problem("`style-not-yours`: only who trained or imported it may change it.")}
_BUSY = {409: problem("`style-busy`: it is being trained or changed; look again later.")}
_TAKEN = {409: problem("`style-exists`: choose another name. `style-busy`: look again later.")}
_MEDIA = {415: problem("`unsupported-media-type`: the body is of another kind.")}


@views.get(
    "/<name>/export",
    "exportStyle",
    {200: file("The style: nets, card, pictures, and a manifest.", "application/zip")}
    | STYLE_MISSING,
)
def export_style(path: StylePath) -> Response:
    """Fetch a style as one file, which `POST /v1/styles` of any service takes."""
    style = tenant_styles().get(path.name)
    try:
        export = StyleExport(services().objects, style)
    except ObjectMissing as error:
        raise StyleMissing(f"The style {path.name!r} is damaged: a net of it is gone.") from error
    response = Response(content_type="application/zip")
    response.headers["Content-Disposition"] = attachment(f"{style.name}.style.zip")
    response.headers["Cache-Control"] = "no-store"
    response.content_length = export.size
    if request.method != "HEAD":
        response.response = export.stream()
    return response


@views.post(
    "",
    "importStyle",
    {
        201: StyleSchema,
        400: problem("`malformed-request`: the body cannot be read."),
        **_TAKEN,
        413: problem("`style-too-large`: the file has more bytes than allowed."),
        **_MEDIA,
        422: problem("`style-file-rejected`: the file is no style. `invalid-request`: `errors`."),
    },
    body=style_file_body(),
)
def post_style() -> Response:
    """Publish a style from its file, under its own name or another one.

    Where the service has keys, it is yours alone until you share it.
    """
    boundary = request.mimetype_params.get("boundary")
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send a style as multipart/form-data with its file.")
    if not boundary:
        raise MalformedRequest("The Content-Type of the form data names no boundary.")
    limit = services().settings.max_style_bytes
    request.max_content_length = limit + FORM_BYTES
    parts = read_parts(request.stream, boundary, max_file_bytes=limit)
    style = import_style(parts, services=services(), tenant=tenant())
    return json_response(show(style), 201, Location=style_address(style.name))


@views.patch(
    "/<name>",
    "changeStyle",
    {200: StyleSchema, **STYLE_MISSING, **_NOT_YOURS, **_TAKEN, **_MEDIA},
    body=style_change_body(),
)
def change_style(path: StylePath) -> Response:
    """Rename a style, give it a title, share it with all tenants or take that back.

    Jobs that were accepted before go on with the nets that they were sent for.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send what is to be changed as application/json.")
    try:
        change = StyleChange.model_validate_json(request.get_data(cache=False), strict=True)
    except ValidationError as error:
        raise invalid_fields(error) from error
    styles = tenant_styles()
    style = styles.owned(path.name)
    name, visibility = change.name or style.name, change.visibility or style.visibility
    if (name, visibility) != (style.name, style.visibility):
        styles.check_free(name, visibility, instead_of=style)
    changed = services().changes.move(
        style, tenant(), name=name, title=change.title, visibility=visibility
    )
    return json_response(show(changed), Location=style_address(changed.name))


@views.delete(
    "/<name>",
    "deleteStyle",
    {204: {"description": "It is gone."}, **STYLE_MISSING, **_NOT_YOURS, **_BUSY},
)
def delete_style(path: StylePath) -> Response:
    """Delete a style. Jobs that were accepted before are painted in it; results stay."""
    services().changes.remove(tenant_styles().owned(path.name), tenant())
    return Response(status=204)
