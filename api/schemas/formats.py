"""What photos are taken, as it goes over the wire."""

from pydantic import BaseModel, Field

from api.schemas.base import example
from infra.jobs.formats import FormatChoice


class PhotoFormat(BaseModel):
    """A format that is painted. Files are told by their content, whatever they are called."""

    name: str = Field(json_schema_extra=example("HEIC"))
    suffixes: list[str] = Field(json_schema_extra=example([".heic", ".heif", ".hif"]))
    media_types: list[str] = Field(json_schema_extra=example(["image/heic", "image/heif"]))
    result: str = Field(
        description="Media type of its results, unless the job's `format` asks for another.",
        json_schema_extra=example("image/jpeg"),
    )


class RefusedFormat(BaseModel):
    """A kind of file that is turned away by name; it fails alone."""

    name: str = Field(json_schema_extra=example("camera raw files"))
    suffixes: list[str] = Field(json_schema_extra=example([".cr3", ".dng", ".nef"]))
    reason: str = Field(
        description="Type of the reason that its item gives.",
        json_schema_extra=example("unsupported-format"),
    )


class Limits(BaseModel):
    """The largest that this service takes."""

    photo_bytes: int = Field(description="Bytes of one photo.")
    photo_megapixels: float = Field(description="Megapixels (1e6) of one photo.")
    archive_bytes: int = Field(description="Bytes of one ZIP file of photos.")
    album_photos: int = Field(description="Photos of one album, those in ZIP files included.")


class Formats(BaseModel):
    """The photos that this service takes, and what it gives back."""

    accepted: list[PhotoFormat]
    archives: list[str] = Field(description="Media types of archives that may stand for photos.")
    refused: list[RefusedFormat]
    formats: list[FormatChoice] = Field(description="What a job's `format` may be.")
    limits: Limits
