"""The JSON of jobs and photos, as pydantic models: validation, and the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.schemas.base import ObjectKey, Request, StyleName, example
from api.schemas.job_addresses import JOB_ID_EXAMPLE
from api.schemas.training import Training
from infra.jobs.domain.model import JobKind, JobState, Stroke
from infra.jobs.formats import FormatChoice
from infra.jobs.metadata import MetadataChoice
from infra.jobs.views import ItemState


class PhotoSource(Request):
    """Photos that lie in the bucket already: their keys, or a prefix. Exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["keys"]}, {"required": ["prefix"]}]}
    )

    keys: Annotated[list[ObjectKey], Field(min_length=1, fail_fast=True)] | None = Field(
        default=None,
        description="Object keys, in the order of the album.",
        json_schema_extra=example(["holiday/1.jpg", "holiday/2.jpg"]),
    )
    prefix: ObjectKey | None = Field(
        default=None,
        description="Every object below this prefix, in key order.",
        json_schema_extra=example("holiday/"),
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.keys is None) == (self.prefix is None):
            raise PydanticCustomError("photo_source", "Give either `keys` or `prefix`")
        return self


class StyleShare(Request):
    """Another style that is mixed in; both are as strong as `strength` says."""

    style: StyleName = Field(
        description="Name of the other style. It must have been trained from the same net: the "
        "same first stage, or the same backbone of quick styles.",
        json_schema_extra=example("great-wave"),
    )
    share: float = Field(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="The other style's part of the mixture: 0 is nothing of it, 1 nothing else.",
        json_schema_extra=example(0.3),
    )


def _read_share(value: object) -> object:
    """Read a share as forms have it."""
    if not isinstance(value, str):
        return value
    style, colon, share = value.rpartition(":")
    if not colon:
        raise PydanticCustomError("style_share", "Write it as NAME:SHARE, such as great-wave:0.3")
    return {"style": style, "share": share}


#: `NAME:SHARE` in the text of a form.
WrittenShare = Annotated[
    StyleShare | None,
    BeforeValidator(_read_share),
    WithJsonSchema({"type": "string", "pattern": "^.+:[0-9.]+$", "examples": ["great-wave:0.3"]}),
]


class AlbumOptions(Request):
    """Options of an album; the form fields of an upload."""

    kind: Literal["stylize"] = Field(default="stylize", description="The kind of job.")
    style: StyleName = Field(
        description="Name of a published style, from `GET /v1/styles`.",
        json_schema_extra=example("water-lilies"),
    )
    strength: float = Field(
        default=1.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How strong the style is: 0 is the photo (of a style whose `path_from` is "
        "`first-stage`, almost the photo), 1 the whole style.",
        json_schema_extra=example(0.8),
    )
    blend: WrittenShare = Field(
        default=None,
        description="Another style to mix in, and its part of the mixture.",
    )
    stroke: Stroke = Field(
        default="native",
        description="`native` strokes have one size in pixels, so that they are finer the larger "
        "a photo is; `proportional` ones cover the same share of every photo, so that a preview "
        "and the full size look alike.",
        json_schema_extra=example("proportional"),
    )
    metadata: MetadataChoice = Field(
        default="keep-safe",
        description="What a result carries of its photo's metadata: `none`; `keep-safe`, which is "
        "the capture date, copyright, artist and resolution, and never a place, a thumbnail, a "
        "serial number or a maker's note; or `all`. Both others also carry that a trained "
        "algorithm made the picture (IPTC DigitalSourceType).",
        json_schema_extra=example("keep-safe"),
    )
    format: FormatChoice = Field(
        default="auto",
        description="What results are written in. `auto` is the photo's own where that is JPEG, "
        "PNG or WebP, JPEG for HEIC and AVIF, PNG for the others; `own` is the same with AVIF as "
        "AVIF; or one format for every photo.",
        json_schema_extra=example("auto"),
    )


class AlbumByKeys(AlbumOptions):
    """An album of photos that lie in the bucket already."""

    blend: StyleShare | None = Field(default=None, description="Another style to mix in.")
    photos: PhotoSource


class AnyJob(BaseModel):
    """The kind of a submission, which decides the other fields."""

    kind: JobKind = "stylize"


class Reason(BaseModel):
    """Why a photo or a job failed."""

    type: str = Field(description="Stable slug.", json_schema_extra=example("truncated-photo"))
    detail: str = Field(description="What happened, and what to do about it, in one sentence.")


class Counts(BaseModel):
    """Photos of an album, or stages of a training."""

    total: int
    done: int
    failed: int


class JobLinks(BaseModel):
    """Addresses that belong to a job, relative to the service; those of the other kind are null.

    What a training makes is there from its first published stage on.
    """

    self: str
    cancel: str
    retry: str | None = Field(default=None, description="POST here to redo failed photos.")
    style: str = Field(description="The style that is used, or made.")
    items: str | None = Field(default=None, description="The photos of an album.")
    results_zip: str | None = Field(default=None, description="Every result of an album.")
    stages: str | None = Field(default=None, description="What a training has published.")
    previews: str | None = Field(default=None, description="Photos in each published stage.")
    contact_sheet: str | None = Field(default=None, description="Photos through all stages.")
    losses_svg: str | None = Field(default=None, description="The losses as a chart, SVG.")
    losses_png: str | None = Field(default=None, description="The losses as a chart, PNG.")
    history: str | None = Field(default=None, description="The losses as JSON Lines.")


class Job(BaseModel):
    """A job at one moment."""

    id: str = Field(json_schema_extra=example(JOB_ID_EXAMPLE))
    kind: JobKind
    state: JobState
    style: str = Field(json_schema_extra=example("water-lilies"))
    strength: float
    blend: StyleShare | None = Field(default=None, description="The style that is mixed in.")
    stroke: Stroke = "native"
    metadata: MetadataChoice = "keep-safe"
    format: FormatChoice = "auto"
    counts: Counts
    progress: float = Field(
        ge=0,
        le=1,
        description="Photos done or failed, or iterations trained, as a part of all.",
    )
    eta_seconds: float | None = Field(
        description="Seconds left at the pace so far; null when nobody can know.",
    )
    created: datetime
    started: datetime | None
    finished: datetime | None
    expires_at: datetime | None = Field(
        default=None,
        description="When the job is removed with its photos and results; null before its end, "
        "and where jobs are kept for good.",
    )
    retry_of: str | None = Field(default=None, description="The job whose failed photos these are.")
    note: str | None = Field(
        default=None,
        description="What came with the album and was passed over, as it can be no photo.",
        json_schema_extra=example(
            "Passed over: 2 files that are no photo, a.zip/IMG_1.MOV, a.zip/IMG_1.json."
        ),
    )
    error: Reason | None = Field(description="Why the whole job failed.")
    training: Training | None = Field(
        default=None, description="How far a training is; null for an album."
    )
    links: JobLinks


class JobPage(BaseModel):
    """Some jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(description="Address of the next page; null on the last one.")


class Item(BaseModel):
    """One photo of a job at one moment."""

    index: int = Field(ge=0, description="Place of the photo in the album, from 0.")
    name: str = Field(
        description="Name of the photo; no other of the album has it.",
        json_schema_extra=example("beach.jpg"),
    )
    source: str | None = Field(
        default=None,
        description="The path or key that it came by; in a ZIP file, behind that of the file.",
        json_schema_extra=example("holiday.zip/day 1/beach.jpg"),
    )
    modified: datetime | None = Field(
        default=None, description="When its file was changed last, if its sender said so."
    )
    state: ItemState
    width: int | None = Field(description="Width of the result in pixels.")
    height: int | None = Field(description="Height of the result in pixels.")
    bytes: int | None = Field(description="Size of the result in bytes.")
    seconds: float | None = Field(
        description="Seconds of work; 0 when the result was there already."
    )
    result: str | None = Field(description="Address of the result, once it is done.")
    result_name: str | None = Field(
        description="File name of the result; no other of the album has it."
    )
    result_path: str | None = Field(
        default=None,
        description="Path of the result among the others, with the folders that its photo came in.",
        json_schema_extra=example("holiday/day 1/beach.jpg"),
    )
    note: str | None = Field(
        default=None,
        description="What else there is to know of the photo.",
        json_schema_extra=example("The file holds 3 pages; the first is painted."),
    )
    error: Reason | None = Field(description="Why the photo failed.")


class ItemPage(BaseModel):
    """Some photos of a job, in the order of the album."""

    items: list[Item]
    offset: int
    total: int
    next: str | None = Field(description="Address of the next page; null on the last one.")
