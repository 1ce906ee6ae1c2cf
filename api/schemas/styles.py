"""Styles and corpora as they go over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.schemas.base import Line, NewName, Request, example
from infra.catalogue.style import PathStart, Visibility


class StageSummary(BaseModel):
    """One published version of a style."""

    stage: int = Field(ge=0, description="0 is the base, the last is the strongest.")
    ratio: float = Field(description="Ratio of style to content that it was trained with.")


class StyleLinks(BaseModel):
    """Addresses that belong to a style, relative to the service."""

    self: str
    stages: str
    card: str
    contact_sheet: str
    previews: str
    losses_svg: str
    losses_png: str
    history: str
    export: str = ""


class Style(BaseModel):
    """A published style."""

    name: str = Field(json_schema_extra=example("water-lilies"))
    title: str
    licence: str | None
    stages: list[StageSummary]
    published: datetime
    path_from: PathStart = Field(
        default="first-stage",
        description="What a `strength` of 0 is: `photo`, the photo itself, which fades on the way "
        "to the second stage; or `first-stage`, nearly the photo, as of styles of 0.1.0.",
    )
    visibility: Visibility = Field(
        default="shared", description="`private`: only its tenant sees it; `shared`: all do."
    )
    own: bool = Field(
        default=False, description="Whether you may rename, share and delete it: you made it."
    )
    links: StyleLinks


class StyleList(BaseModel):
    """Every published style, by name."""

    styles: list[Style]


class StyleImport(Request):
    """The fields that may come before the file of a style, as `GET …/export` gives it."""

    name: NewName | None = Field(
        default=None, description="Another name than the file says, where that is taken."
    )
    visibility: Visibility | None = Field(
        default=None,
        description="Private unless it is given, where the service has keys; else shared.",
    )


class StyleChange(Request):
    """What is to be changed of a style; what is left out stays."""

    name: NewName | None = Field(default=None, description="A name that no other style has.")
    title: Line | None = Field(default=None, min_length=1, description="What it is called.")
    visibility: Visibility | None = Field(
        default=None, description="`private`: only you see it; `shared`: all tenants do."
    )


class StyleWithCard(Style):
    """A published style with its style card: painting, command, losses, provenance."""

    card: dict[str, Any]


class Distances(BaseModel):
    """Measurements of a stage on photos it was not trained on."""

    content: float | None = Field(description="Content distance; 0 is the photo itself.")
    style: float | None = Field(description="Style distance; 0 is the painting itself.")
    ssim: float | None = Field(description="Structural similarity to the photo; 1 is the photo.")


class StageDetail(StageSummary):
    """One published version of a style, with the details on its card."""

    strength: float = Field(
        ge=0,
        le=1,
        description="The `strength` of an album that paints with just this stage. Where the path "
        "begins at the photo, the photo itself stands before the first of several: 0 is the photo.",
    )
    iterations: int | None = Field(description="Iterations that it was trained.")
    seconds: float | None = Field(description="Seconds that it was trained.")
    held_out: Distances | None = Field(description="Measured on photos it was not trained on.")
    note: str | None = Field(description="What else happened, such as a step back.")
    previews: list[str] = Field(description="Addresses of photos in this stage.")


class RefusedStage(StageSummary):
    """A stage that was trained and not published, because it was no better."""

    reason: str | None


class StageList(BaseModel):
    """The published stages of a style, from the base to the strongest."""

    style: str = Field(json_schema_extra=example("water-lilies"))
    stages: list[StageDetail]
    refused: list[RefusedStage] = Field(
        default=[], description="Stages that were trained and not published."
    )
    notes: list[str] = Field(default=[], description="What else its maker should know.")


class Preview(BaseModel):
    """One photo in one stage."""

    stage: int = Field(ge=0)
    number: int = Field(ge=0, description="The same photo has the same number in every stage.")
    address: str


class PreviewList(BaseModel):
    """Photos in each stage of a style."""

    style: str = Field(json_schema_extra=example("water-lilies"))
    previews: list[Preview]


class Corpus(BaseModel):
    """Photos that styles can be trained on."""

    name: str = Field(json_schema_extra=example("coco"))
    photos: int = Field(ge=0)
    shards: int | None = Field(description="Files that the photos are packed in.")


class StarterCorpus(BaseModel):
    """The photos that come with Impasto, for whoever has prepared none."""

    name: str = Field(json_schema_extra=example("starter"))
    photos: int = Field(ge=0)
    terms: str = Field(description="Under which terms the photos may be used.")


class CorpusList(BaseModel):
    """Every complete corpus of the tenant, by name, and the one that comes with Impasto."""

    corpora: list[Corpus]
    starter: StarterCorpus | None = None


class StylePath(BaseModel):
    """The style in an address."""

    name: str = Field(description="Name of the style.", json_schema_extra=example("water-lilies"))


class PreviewPath(StylePath):
    """The preview in an address."""

    stage: int = Field(
        ge=0, description="Stage of the style, from 0.", json_schema_extra=example(1)
    )
    number: int = Field(
        ge=0, description="Which of the photos, from 0.", json_schema_extra=example(0)
    )
