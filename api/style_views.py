"""Styles over HTTP."""

import json
from typing import Any, cast

from flask import Response

from api import schemas
from api.documentation import file, problem
from api.files import stream_file
from api.problems import ResultMissing
from api.render import json_response
from api.routing import Views
from api.schemas import StyleList, StylePath, StyleWithCard
from api.services import services
from infra import layout
from infra.catalogue import Style
from infra.storage.port import ObjectMissing

#: File of a style that shows photos through its stages.
CONTACT_SHEET = "contact-sheet.jpg"

views = Views("styles", "Published styles.", prefix="/v1/styles")

STYLE_MISSING = {404: problem("`style-missing`: there is no such style.")}


@views.get("", "listStyles", {200: StyleList})
def list_styles() -> Response:
    """List the published styles, by name."""
    styles = services().styles.list()
    return json_response(StyleList(styles=[_render(style, _card(style.name)) for style in styles]))


@views.get("/<name>", "getStyle", {200: StyleWithCard, **STYLE_MISSING})
def get_style(path: StylePath) -> Response:
    """Look at a style and its card: painting, schedule, losses, provenance, licence."""
    style = services().styles.get(path.name)
    card = _card(style.name)
    known = dict(_render(style, card))
    return json_response(StyleWithCard.model_validate({**known, "card": card}))


@views.get(
    f"/<name>/{CONTACT_SHEET}",
    "getContactSheet",
    {
        200: file("Photos through the stages of the style.", "image/jpeg"),
        404: problem("`style-missing` or `result-missing`."),
    },
)
def get_contact_sheet(path: StylePath) -> Response:
    """Fetch the style's contact sheet: some photos, at each of its stages."""
    style = services().styles.get(path.name)
    key = layout.style_file(style.name, CONTACT_SHEET)
    try:
        size = services().objects.head(key).size
    except ObjectMissing as error:
        raise ResultMissing(f"The style {style.name} has no contact sheet.") from error
    return stream_file(services().objects, key, size)


def _card(name: str) -> dict[str, Any]:
    try:
        body = services().objects.get(layout.style_file(name, "card.json"))
    except ObjectMissing:
        return {}
    return cast("dict[str, Any]", json.loads(body))


def _render(style: Style, card: dict[str, Any]) -> schemas.Style:
    address = f"/v1/styles/{style.name}"
    links = {"self": address, "contact_sheet": f"{address}/{CONTACT_SHEET}"}
    return schemas.Style(
        name=style.name,
        title=style.title,
        licence=card.get("licence"),
        stages=[
            schemas.StageSummary(stage=stage.stage, ratio=stage.ratio) for stage in style.stages
        ],
        published=style.published,
        links=schemas.StyleLinks.model_validate(links),
    )
