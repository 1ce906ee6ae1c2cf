"""Jobs and their photos, as the service describes them at one moment.

Addresses are relative to the service; times are aware and in UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .options import FormatChoice, JobKind, MetadataChoice, Stroke


class JobState(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the job will never change again."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class ItemState(StrEnum):
    """State of one photo."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a photo or a job failed: a stable slug, and one sentence for a person."""

    type: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Photos of an album, or stages of a training."""

    total: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleShare:
    """A style that is mixed in, and its part of the mixture: 0 none of it, 1 nothing else."""

    style: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedStage:
    """A stage that can be used, and the ratio of style to content that it was trained with."""

    stage: int
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Progress of a training; None is a value that nobody has measured yet."""

    #: The stage that is trained now, from 0.
    stage: int
    #: Stages of the schedule.
    stages: int
    #: Iterations done, and those of the whole schedule.
    iteration: int
    iterations: int
    #: Ratio of style to content in this stage.
    ratio: float
    images_per_second: float | None
    #: Losses, dimensionless.
    content: float | None
    style: float | None
    #: Other events, such as a step back.
    note: str | None
    published: list[PublishedStage]
    #: The network that measures content and style; empty from a service of 0.1.0, as the next two.
    loss_network: str = ""
    #: The stages, as RATIO:ITERATIONS,….
    schedule: str = ""
    #: Name of the photos that it learns on, and how many they were at submission.
    corpus: str = ""
    corpus_photos: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLinks:
    """Addresses that belong to a job; those of the other kind of job are None."""

    self: str
    cancel: str
    #: The style that is used, or made.
    style: str
    # Of an album.
    retry: str | None = None
    items: str | None = None
    results_zip: str | None = None
    # Of a training, from its first published stage on.
    stages: str | None = None
    previews: str | None = None
    contact_sheet: str | None = None
    losses_svg: str | None = None
    losses_png: str | None = None
    history: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job at one moment."""

    id: str
    kind: JobKind
    state: JobState
    style: str
    strength: float
    blend: StyleShare | None = None
    stroke: Stroke = "native"
    metadata: MetadataChoice = "keep-safe"
    format: FormatChoice = "auto"
    counts: Counts
    #: Photos done or failed, or iterations trained, as a part of all: 0..1.
    progress: float
    #: Seconds left at the pace so far; None when nobody can know.
    eta_seconds: float | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    #: When the job is removed with its photos and results; None before its end, and where jobs
    #: are kept for good.
    expires_at: datetime | None = None
    #: Id of the job whose failed photos these are.
    retry_of: str | None = None
    #: What came with the album and was passed over, as it can be no photo.
    note: str | None = None
    #: Why the whole job failed.
    error: Reason | None
    #: None in an album.
    training: Training | None = None
    links: JobLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Some jobs, newest first."""

    jobs: list[Job]
    #: Address of the next page; None on the last one.
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One photo of a job at one moment."""

    #: Place of the photo in the album, from 0.
    index: int
    name: str
    #: The path or key that it came by; in a ZIP file, behind that of the file. Earlier services
    #: do not say.
    source: str | None = None
    #: When its file was changed last, where its sender said so.
    modified: datetime | None = None
    state: ItemState
    #: Sides of the result, pixels.
    width: int | None
    height: int | None
    #: Size of the result in bytes.
    bytes: int | None
    #: Seconds of work; 0 when the result was there already.
    seconds: float | None
    #: Address of the result, once it is done, and its file name.
    result: str | None
    result_name: str | None
    #: Its path among the other results, with the folders that its photo came in.
    result_path: str | None = None
    #: What else there is to know of the photo.
    note: str | None = None
    #: Why the photo failed.
    error: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """Some photos of a job, in the order of the album."""

    items: list[Item]
    offset: int
    total: int
    #: Address of the next page; None on the last one.
    next: str | None
