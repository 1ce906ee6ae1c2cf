"""The values of a preview: immutable, stored in S3 as JSON. Times: seconds since the epoch."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from infra.catalogue.style import Blend
from infra.jobs.domain.model import Problem, Stroke, Value
from infra.layout.ids import job_time

#: Pixels of a picture's long side: the least, the usual and the most.
SMALLEST_SIDE: Final = 64
USUAL_SIDE: Final = 512
LARGEST_SIDE: Final = 1024
#: Pictures that one preview may have.
MAX_PICTURES: Final = 64
#: Strengths at which one style is shown where none are named; the photo itself stands before them.
USUAL_STRENGTHS: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
#: Seconds that a preview stays, since it came.
KEPT_SECONDS: Final = 3600.0
#: Seconds in which it is painted, or has failed: nobody looks at it after a longer wait.
PATIENCE_SECONDS: Final = 600.0

PreviewState = Literal["queued", "running", "succeeded", "failed"]


class PictureSpec(Value):
    """One picture: a style at a strength of 0..1, and the nets which that means."""

    style: str
    strength: float = Field(ge=0, le=1)
    blend: Blend


class PreviewSpec(Value):
    """What is to be painted."""

    id: str
    tenant: str
    created: float
    #: Pixels of each picture's long side; a smaller photo stays as it is.
    side: int = Field(ge=1)
    stroke: Stroke = "native"
    #: Whether the pictures come as one.
    sheet: bool
    pictures: tuple[PictureSpec, ...] = Field(min_length=1)


class PaintedFile(Value):
    """A picture in the bucket; sizes in pixels, and in bytes."""

    width: int
    height: int
    bytes: int


class PreviewOutcome(Value):
    """How a preview ended: with an error, or with its files.

    `pictures` are in the order of the spec's, None for those in `errors` and where there is a
    sheet.
    """

    finished: float
    error: Problem | None = None
    #: Why single pictures are missing, by their numbers.
    errors: dict[int, Problem] = Field(default_factory=dict[int, Problem])
    sheet: PaintedFile | None = None
    pictures: tuple[PaintedFile | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """A preview as it is now."""

    spec: PreviewSpec
    state: PreviewState
    outcome: PreviewOutcome | None

    @property
    def expires(self) -> float:
        """When it is removed."""
        return job_time(self.spec.id) + KEPT_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedPreview:
    """A preview that a worker has taken; `attempt` counts from 1, and tells it from another's."""

    spec: PreviewSpec
    attempt: int
