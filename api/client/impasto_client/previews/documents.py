"""Previews as the service describes them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..jobs import Reason
from ..options import Stroke


class PreviewState(StrEnum):
    """Whether a preview waits, is painted, is there, or has failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether it will never change again."""
        return self in (PreviewState.SUCCEEDED, PreviewState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSheet:
    """All pictures as one file; sizes in pixels, and in bytes."""

    address: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPicture:
    """One picture of a preview."""

    style: str
    strength: float
    #: Its file; None on a sheet, or before it is painted.
    address: str | None
    #: Pixels.
    width: int | None
    height: int | None
    bytes: int | None
    #: Why this picture is missing; the others are there.
    error: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLinks:
    """Addresses that belong to a preview, relative to the service."""

    self: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StylePreview:
    """A photo, painted small to choose by. It is no job, and is removed after an hour."""

    id: str
    state: PreviewState
    #: Pixels of the long side of each picture, at most.
    side: int
    stroke: Stroke
    pictures: list[PreviewPicture]
    sheet: PreviewSheet | None
    #: Why it failed.
    error: Reason | None
    created: datetime
    finished: datetime | None
    expires_at: datetime
    links: PreviewLinks
