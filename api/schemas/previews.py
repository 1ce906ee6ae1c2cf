"""Previews as they go over the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.schemas.base import Request, StyleName, example
from api.schemas.job_addresses import JOB_ID_EXAMPLE
from api.schemas.jobs import Reason
from infra.jobs.domain.model import Stroke
from infra.previews.model import (
    LARGEST_SIDE,
    MAX_PICTURES,
    SMALLEST_SIDE,
    USUAL_SIDE,
    USUAL_STRENGTHS,
    PreviewState,
)


def _split(value: object) -> object:
    """Read a list as forms have it."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _listed(item: str, shown: str) -> WithJsonSchema:
    """Document a list in the text of a form."""
    pattern = f"^{item}(,{item})*$"
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [shown]})


StyleNames = Annotated[
    list[StyleName],
    BeforeValidator(_split),
    _listed("[a-z0-9-]{1,63}", "water-lilies,great-wave"),
]
Strengths = Annotated[
    list[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]],
    BeforeValidator(_split),
    _listed("[01](\\.[0-9]+)?", ",".join(map(str, USUAL_STRENGTHS))),
]


class PreviewOptions(Request):
    """What a photo is shown in: all styles, those named, or one style at several strengths."""

    styles: StyleNames | None = Field(
        default=None,
        description="Names of styles, with commas between. All that you see, unless they or "
        "`style` are given.",
    )
    style: StyleName | None = Field(
        default=None,
        description="The one style that is shown at several strengths.",
        json_schema_extra=example("water-lilies"),
    )
    strengths: Strengths | None = Field(
        default=None,
        description="Strengths (0 to 1) of `style`, with commas between; "
        f"{', '.join(map(str, USUAL_STRENGTHS))} unless they are given.",
    )
    side: int = Field(
        default=USUAL_SIDE,
        ge=SMALLEST_SIDE,
        le=LARGEST_SIDE,
        description="Pixels of the long side of each picture. A smaller photo keeps its size.",
    )
    stroke: Stroke = Field(
        default="native",
        description="`native`: strokes have one size in pixels, so they are finer on the full "
        "photo than here; `proportional`: as an album with `proportional` strokes will look, "
        "which takes some four times as long.",
    )
    sheet: bool = Field(
        default=True,
        description="Whether the pictures come as one sheet, the photo first and each with its "
        "name, or each by itself.",
    )

    @field_validator("styles", "strengths")
    @classmethod
    def _some(cls, value: list[object] | None) -> list[object] | None:
        if value is not None and not 1 <= len(value) <= MAX_PICTURES:
            raise PydanticCustomError(
                "some", "Name between 1 and {most}, with commas", {"most": MAX_PICTURES}
            )
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.style is not None and self.styles is not None:
            raise PydanticCustomError("one_way", "Give either `styles` or `style`")
        if self.style is None and self.strengths is not None:
            raise PydanticCustomError("one_way", "`strengths` are those of a `style`: name it")
        return self


class PreviewSheet(BaseModel):
    """All pictures as one file."""

    address: str
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    bytes: int


class PreviewPicture(BaseModel):
    """One picture of a preview."""

    style: str = Field(json_schema_extra=example("water-lilies"))
    strength: float = Field(ge=0, le=1)
    address: str | None = Field(description="Its file; none on a sheet, or before it is painted.")
    width: int | None = Field(description="Pixels.")
    height: int | None = Field(description="Pixels.")
    bytes: int | None
    error: Reason | None = Field(description="Why this picture is missing; the others are there.")


class PreviewLinks(BaseModel):
    """Addresses that belong to a preview, relative to the service."""

    self: str


class StylePreview(BaseModel):
    """A photo, painted small to choose by. It is no job, and is removed after an hour."""

    id: str = Field(json_schema_extra=example(JOB_ID_EXAMPLE))
    state: PreviewState
    side: int = Field(description="Pixels of the long side of each picture, at most.")
    stroke: Stroke
    pictures: list[PreviewPicture] = Field(description="In the order that was asked for.")
    sheet: PreviewSheet | None = Field(description="Once it is painted, where one was asked for.")
    error: Reason | None = Field(description="Why it failed.")
    created: datetime
    finished: datetime | None
    expires_at: datetime = Field(description="When it is removed.")
    links: PreviewLinks


class PreviewHeaders(BaseModel):
    """What a client prefers."""

    Prefer: str | None = Field(
        default=None,
        description="`wait=N` (RFC 7240): hold the answer for up to N seconds, 30 at most, until "
        "the preview has ended.",
        json_schema_extra=example("wait=20"),
    )


class PreviewIdPath(BaseModel):
    """The preview in an address."""

    preview_id: str = Field(
        description="Id of the preview.", json_schema_extra=example(JOB_ID_EXAMPLE)
    )


class PreviewPicturePath(PreviewIdPath):
    """The picture in an address."""

    number: int = Field(ge=0, description="Place of the picture in the preview, from 0.")
