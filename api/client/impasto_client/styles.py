"""Styles, their stages and the corpora they are trained on, as the service describes them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

#: Who sees a style: its tenant alone, or all of them.
Visibility = Literal["private", "shared"]
#: What a strength of 0 is: the photo itself, or a style's first stage, which is nearly the photo.
PathStart = Literal["photo", "first-stage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """One published version of a style."""

    #: 0 is the base, the last is the strongest.
    stage: int
    #: Ratio of style to content that it was trained with.
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleLinks:
    """Addresses that belong to a style, relative to the service."""

    self: str
    stages: str
    card: str
    contact_sheet: str
    previews: str
    losses_svg: str
    losses_png: str
    history: str
    #: Its address as one file; empty from a service of 0.1.0.
    export: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A published style."""

    name: str
    title: str
    licence: str | None
    stages: list[StageSummary]
    published: datetime
    links: StyleLinks
    visibility: Visibility = "shared"
    #: Whether you may rename, share and delete it.
    own: bool = False
    path_from: PathStart = "first-stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleWithCard(Style):
    """A published style with its style card: painting, command, losses, provenance."""

    card: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleList:
    """Every published style, by name."""

    styles: list[Style]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """Measurements of a stage on photos it was not trained on."""

    #: Content distance; 0 is the photo itself.
    content: float | None
    #: Style distance; 0 is the painting itself.
    style: float | None
    #: Structural similarity to the photo; 1 is the photo.
    ssim: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDetail(StageSummary):
    """One published version of a style, with what its card says about it."""

    #: The `strength` of an album that paints with just this stage: 0..1. Where the path begins at
    #: the photo, the photo itself stands before the first of several: 0 is the photo.
    strength: float
    iterations: int | None
    #: Seconds of training.
    seconds: float | None
    held_out: Distances | None
    #: Other events, such as a step back.
    note: str | None
    #: Addresses of photos in this stage.
    previews: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStage(StageSummary):
    """A stage that was trained and not published, because it was no better."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageList:
    """The published stages of a style, from the base to the strongest."""

    style: str
    stages: list[StageDetail]
    refused: list[RefusedStage] = field(default_factory=list[RefusedStage])
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Photos that styles are trained on."""

    name: str
    photos: int
    #: Files that the photos are packed in.
    shards: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterCorpus:
    """The photos that come with the service, for whoever has prepared none."""

    name: str
    photos: int
    #: Under which terms they may be used.
    terms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusList:
    """Every corpus that is complete, by name, and the one that comes with the service."""

    corpora: list[Corpus]
    #: None from a service of 0.1.0.
    starter: StarterCorpus | None = None
