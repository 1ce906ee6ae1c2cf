"""Styles over HTTP: the published styles and their stages."""

from collections import defaultdict

from flask import Response

from api.responses.addresses import STYLE_FILES, preview_address, style_address
from api.responses.render import json_response
from api.schemas.styles import (
    Distances,
    Preview,
    PreviewList,
    RefusedStage,
    StageDetail,
    StageList,
    StageSummary,
    StyleLinks,
    StyleList,
    StylePath,
    StyleWithCard,
)
from api.schemas.styles import Style as StyleSchema
from api.services import services, tenant_styles
from api.views.openapi import STYLE_MISSING
from api.views.routing import Views
from infra import layout
from infra.catalogue import Stage, Style
from infra.catalogue.known_card import KnownCard, read_known_card

views = Views("styles", "Published styles.", prefix="/v1/styles")


@views.get("", "listStyles", {200: StyleList})
def list_styles() -> Response:
    """List the styles by name: your own, shared ones, and those that came with the service."""
    return json_response(StyleList(styles=list(map(show, tenant_styles().list()))))


@views.get("/<name>", "getStyle", {200: StyleWithCard, **STYLE_MISSING})
def get_style(path: StylePath) -> Response:
    """Look at a style and its card: painting, schedule, losses, provenance, licence."""
    style = tenant_styles().get(path.name)
    return json_response(
        StyleWithCard.model_validate({**dict(show(style)), "card": _card(style).document})
    )


@views.get("/<name>/stages", "listStages", {200: StageList, **STYLE_MISSING})
def list_stages(path: StylePath) -> Response:
    """List the published stages of a style, with their measurements.

    A style that is still being trained has its first stages already; each new one is the
    strongest then, which is what a `strength` of 1 means.
    """
    style = tenant_styles().get(path.name)
    card = _card(style)
    pictures: dict[int, list[str]] = defaultdict(list)
    for preview in _previews(style):
        pictures[preview.stage].append(preview.address)
    stages = [
        _detail(style, position, card, pictures[stage.stage])
        for position, stage in enumerate(style.stages)
    ]
    refused = [RefusedStage.model_validate(stage.model_dump()) for stage in card.refused]
    return json_response(
        StageList(style=style.name, stages=stages, refused=refused, notes=card.notes)
    )


@views.get("/<name>/previews", "listPreviews", {200: PreviewList, **STYLE_MISSING})
def list_previews(path: StylePath) -> Response:
    """List the photos that show each stage of a style."""
    style = tenant_styles().get(path.name)
    return json_response(PreviewList(style=style.name, previews=_previews(style)))


def _previews(style: Style) -> list[Preview]:
    """Return the previews of published stages: those of the next one come before its net."""
    keys = (info.key for info in services().objects.list(layout.style_previews(style.place)))
    found = sorted(filter(None, map(layout.parse_style_preview, keys)))
    published = {stage.stage for stage in style.stages}
    return [
        Preview(stage=stage, number=number, address=preview_address(style.name, stage, number))
        for stage, number in found
        if stage in published
    ]


def _detail(style: Style, position: int, card: KnownCard, previews: list[str]) -> StageDetail:
    stage: Stage = style.stages[position]
    known = card.stage(stage.stage)
    return StageDetail(
        stage=stage.stage,
        ratio=stage.ratio,
        strength=style.strength_of(position),
        iterations=known.iterations,
        seconds=known.seconds,
        held_out=known.held_out and Distances.model_validate(known.held_out.model_dump()),
        note=card.note(stage.stage),
        previews=previews,
    )


def _card(style: Style) -> KnownCard:
    return read_known_card(services().objects, style.place)


def show(style: Style) -> StyleSchema:
    """Render a style for whoever sent this request."""
    links = {link: style_address(style.name, file) for link, file in STYLE_FILES.items()}
    links["self"] = style_address(style.name)
    return StyleSchema(
        name=style.name,
        title=style.title,
        licence=_card(style).licence,
        stages=[StageSummary(stage=stage.stage, ratio=stage.ratio) for stage in style.stages],
        published=style.published,
        path_from=style.path_from,
        visibility=style.visibility,
        own=tenant_styles().owns(style),
        links=StyleLinks.model_validate(links),
    )
