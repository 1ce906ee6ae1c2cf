"""The files of a style over HTTP: card, charts, history and pictures."""

from typing import Any

from flask import Response

from api.problems import ResultMissing
from api.responses.files import conditional, content_type
from api.schemas.styles import PreviewPath, StylePath
from api.services import services, tenant_styles
from api.views.openapi import PRECONDITION_FAILED, file, problem
from api.views.routing import Views
from infra.storage.port import ObjectMissing

#: A chart may draw and nothing else: no script, no request, no form, wherever it is opened.
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

views = Views("style files", "What was left beside a style.", prefix="/v1/styles/<name>")


def _answers(description: str, media_type: str) -> dict[int, Any]:
    return {
        200: file(description, media_type),
        304: {"description": "The client has this file already."},
        404: problem("`style-missing` or `result-missing`: there is no such file, or not yet."),
        **PRECONDITION_FAILED,
    }


@views.get(
    "/contact-sheet.jpg",
    "getContactSheet",
    _answers("Photos through the stages of the style.", "image/jpeg"),
)
def get_contact_sheet(path: StylePath) -> Response:
    """Fetch the style's contact sheet: some photos, at each of its stages."""
    return _send(path.name, "contact-sheet.jpg")


@views.get("/card.json", "getCard", _answers("The style card.", "application/json"))
def get_card(path: StylePath) -> Response:
    """Fetch the style card: painting, command, losses, provenance."""
    return _send(path.name, "card.json")


@views.get("/losses.svg", "getLossesSvg", _answers("The chart.", "image/svg+xml"))
def get_losses_svg(path: StylePath) -> Response:
    """Fetch the chart of the losses, as a drawing."""
    response = _send(path.name, "losses.svg")
    response.headers["Content-Security-Policy"] = SVG_POLICY
    return response


@views.get("/losses.png", "getLossesPng", _answers("The chart.", "image/png"))
def get_losses_png(path: StylePath) -> Response:
    """Fetch the chart of the losses, as pixels."""
    return _send(path.name, "losses.png")


@views.get(
    "/history.jsonl",
    "getHistory",
    _answers("The losses, a line each.", "application/jsonl"),
)
def get_history(path: StylePath) -> Response:
    """Fetch the losses of the training as JSON Lines."""
    return _send(path.name, "history.jsonl")


@views.get(
    "/previews/<int:stage>/<int:number>.jpg",
    "getPreview",
    _answers("The photo in that stage.", "image/jpeg"),
)
def get_preview(path: PreviewPath) -> Response:
    """Fetch one photo in one stage of the style."""
    return _send(path.name, f"previews/stage-{path.stage}/{path.number}.jpg")


def _send(style: str, name: str) -> Response:
    """Answer with a file of a style; raises StyleMissing, ResultMissing, PreconditionFailed.

    Read whole, since a training may replace it between a look at its size and its last byte.
    """
    found = tenant_styles().get(style)  # files come before it, and stay where it never came
    try:
        body = services().styles.file(found.place, name)
    except ObjectMissing as error:
        raise ResultMissing(f"The style {style} has no {name}, or not yet.") from error
    response = Response(body, content_type=content_type(name))
    response.headers["Cache-Control"] = "no-cache"  # the next stage brings another
    response.add_etag()
    return conditional(response)
