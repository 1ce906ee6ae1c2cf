"""What photos a service takes, as it describes that."""

from dataclasses import dataclass

from .options import FormatChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFormat:
    """A format that is painted; `result` is the media type of what it comes back as."""

    name: str
    suffixes: list[str]
    media_types: list[str]
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFormat:
    """A kind of file that is turned away by name, and the type of the reason."""

    name: str
    suffixes: list[str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest that the service takes."""

    #: Bytes of a photo, and its megapixels (1e6).
    photo_bytes: int
    photo_megapixels: float
    #: Bytes of a ZIP file of photos.
    archive_bytes: int
    #: Photos of an album, those in ZIP files included.
    album_photos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """The photos that the service takes, and what it gives back."""

    accepted: list[PhotoFormat]
    #: Media types of archives that may stand for photos.
    archives: list[str]
    refused: list[RefusedFormat]
    #: What an album's `format` may be.
    formats: list[FormatChoice]
    limits: Limits
