"""The values of a job: immutable, stored in Redis and S3 as JSON.

Nothing here talks to a network. Times are seconds since the epoch (float, UTC).
"""

from collections import Counter
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from infra.catalogue.style import StyleShare, Visibility, WeightedNet, style_place
from infra.jobs.domain.schedule import Schedule, Stages, check_stages
from infra.jobs.domain.training_options import LossNetworkName, ProfileName
from infra.jobs.formats import FormatChoice
from infra.jobs.metadata import MetadataChoice

#: The work of a job. Also the name of the queue that its messages go to.
JobKind = Literal["stylize", "train"]
#: Whether strokes have one size in pixels, or one share of the picture.
Stroke = Literal["native", "proportional"]


class Value(BaseModel):
    """An immutable value with a JSON form; unknown fields of a newer version are let go.

    A renamed field keeps its stored name as its alias: other versions share the records.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class JobState(StrEnum):
    """The state of a job; the legal transitions are in `transitions`."""

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


class Problem(Value):
    """Why a photo or a job failed: a stable slug, and one sentence for a person."""

    type: str
    detail: str


class Painting(Value):
    """The painting that a style is learnt from: its object key and its file's SHA-256 (hex)."""

    key: str
    sha256: str


class TrainingConfig(Value):
    """Everything that a training depends on; the same config makes the same net."""

    style: str
    title: str
    licence: str = "unknown"
    painting: Painting
    loss_network: LossNetworkName = "vgg19"
    profile: ProfileName = "light"
    stages: Annotated[Stages, AfterValidator(check_stages)]
    adaptive: bool = False
    corpus: str
    corpus_photos: int | None = None  # at submission; 0.1.0 did not count them
    seed: int = Field(default=1, ge=0)
    #: Whether the deployment's shared base serves as stage 0, where there is one.
    base: Literal["auto", "none"] = "auto"
    #: Object keys of the photos that every stage is shown on; none means the usual ones.
    previews: tuple[str, ...] = ()
    visibility: Visibility = "shared"  # trainings of 0.1.0 made styles for everybody
    #: Short side (px) of the painting as the loss network sees it; photos in a step; crops' side.
    painting_side: int = Field(default=384, ge=1)
    batch: int = Field(default=4, ge=1)
    crop: int = Field(default=192, ge=1)

    @property
    def schedule(self) -> Schedule:
        """The stages as a schedule."""
        return Schedule.of(self.stages)

    @property
    def iterations(self) -> int:
        """Iterations of the whole schedule."""
        return self.schedule.iterations


class TrainingProgress(Value):
    """The progress of a training. Losses are dimensionless; None: not measured yet."""

    #: The stage that is trained now; the number of stages once all are through.
    stage: int = Field(ge=0)
    #: Iterations of the whole schedule that are done.
    iteration: int = Field(ge=0)
    iteration_total: int = Field(ge=1)
    images_per_second: float | None = None
    content: float | None = None
    style: float | None = None
    note: str | None = None

    @property
    def position(self) -> tuple[int, int]:
        """The place in the schedule: grows as the training advances."""
        return self.stage, self.iteration


class JobDraft(Value):
    """A client's request, before its photos are counted."""

    id: str
    tenant: str
    kind: JobKind = "stylize"
    style: str  # to paint in, or to learn; `mixed_with` has the same strength
    strength: float = Field(default=1.0, ge=0, le=1)
    mixed_with: StyleShare | None = None
    stroke: Stroke = "native"
    #: As version 0.1.0 had it, whose records do not say; the API's own default is `keep-safe`.
    metadata: MetadataChoice = "none"
    format: FormatChoice = "auto"
    #: The nets that all this meant at submission, so that a republished style does not change a
    #: running album; none in a training.
    blend: tuple[WeightedNet, ...] = ()
    training: TrainingConfig | None = None
    #: Bytes of the files that came with the request.
    bytes: int = Field(default=0, ge=0)
    #: The job whose failed photos these are; a line about files that came and can be no photos.
    retry_of: str | None = None
    note: str | None = None

    @property
    def style_place(self) -> str:
        """Where the catalogue keeps the style that a training makes."""
        seen = self.training.visibility if self.training else "shared"
        return style_place(self.style, self.tenant, seen)

    @model_validator(mode="after")
    def _check_training(self) -> Self:
        if (self.kind == "train") != (self.training is not None):
            raise ValueError("a training has a training config, and nothing else has one")
        if self.training is not None and self.training.style != self.style:
            raise ValueError("a training's config names another style than its job")
        return self


class JobSpec(JobDraft):
    """The accepted request; never changes after submission."""

    total: int = Field(ge=1, description="photos in the album, or stages of the training")
    chunk_photos: int = Field(ge=1)
    created: float

    @property
    def chunks(self) -> int:
        """Into how many chunks the album is cut; a training is one, worked in slices."""
        return 1 if self.training else -(-self.total // self.chunk_photos)

    @property
    def training_config(self) -> TrainingConfig:
        """The config of a training; raises ValueError in an album."""
        if self.training is None:
            raise ValueError(f"job {self.id} is not a training")
        return self.training

    def indices(self, chunk: int) -> range:
        """Return the photos of one chunk; the last chunk may be short."""
        start = chunk * self.chunk_photos
        return range(start, min(start + self.chunk_photos, self.total))


class ArchiveMember(Value):
    """A photo in a ZIP file: local header and bytes from `start` to `stop`, the CRC-32 unpacked."""

    start: int = Field(ge=0)
    stop: int = Field(ge=0)
    deflated: bool
    packed: int = Field(ge=0)
    size: int = Field(ge=0)
    crc: int = Field(ge=0)


class PhotoEntry(Value):
    """One line of the manifest. `name` is unique in the job, safe as a file name.

    `path` is that with the folders it came in; `stem` and `path_stem` replace both where the result
    needs another suffix. Its sender knows it by `source`, a path or key; its file was `modified`
    at so many seconds since the epoch, if that was said.
    """

    index: int = Field(ge=0)
    name: str
    stem: str | None = None
    path: str | None = None
    path_stem: str | None = None
    source: str | None = None
    modified: float | None = None
    key: str
    #: Its place in `key`, if that is an archive; why it fails, where that was known before.
    member: ArchiveMember | None = None
    fault: Problem | None = None


class PhotoOutcome(Value):
    """The end of one photo: either `result` (an object key) or `error` is set."""

    index: int = Field(ge=0)
    result: str | None = None
    result_name: str | None = None
    width: int | None = None
    height: int | None = None
    #: Size of the result in bytes; seconds of work, 0 when the result was there already.
    bytes: int | None = None
    seconds: float | None = None
    cached: bool = False
    #: What else its sender should know, in a sentence or two.
    note: str | None = None
    error: Problem | None = None


class Lease(Value):
    """A worker's right to a chunk until `expires`; `token` fences off earlier holders."""

    token: int
    worker: str
    expires: float


class Chunk(Value):
    """A chunk that has been offered and is not done yet."""

    number: int
    #: When workers were last notified of it, or its lease was last given back.
    notified_at: float = Field(validation_alias="rung_at", serialization_alias="rung_at")
    lease: Lease | None = None
    attempts: int = 0
    items: dict[int, PhotoOutcome] = Field(default_factory=dict)
    in_flight: tuple[int, ...] = ()
    #: The photos that were in flight in each lost lease whose holder was not heard of since, by
    #: the lease's token.
    losses: dict[int, tuple[int, ...]] = Field(default_factory=dict)
    #: Rounds in which each photo was unreadable although S3 served others (`deferral`).
    retry_rounds: dict[int, int] = Field(
        default_factory=dict, validation_alias="fruitless", serialization_alias="fruitless"
    )

    @property
    def strikes(self) -> dict[int, int]:
        """Times that each photo was in the hands of a lost worker; photos without are left out."""
        return dict(Counter(index for photos in self.losses.values() for index in photos))


class JobRecord(Value):
    """The live record: O(window) large however many photos the job has.

    The last one is kept in S3 when the job is finalized.
    """

    spec: JobSpec
    state: JobState = JobState.QUEUED
    done: int = 0
    failed: int = 0
    #: Chunks from here on were never offered to a worker.
    cursor: int = 0
    active: dict[int, Chunk] = Field(default_factory=dict)
    last_token: int = 0
    started: float | None = None
    finished: float | None = None
    error: Problem | None = None
    #: A training's progress after its first report, and its published stages in order: `done`.
    training: TrainingProgress | None = None
    published: tuple[int, ...] = ()

    @property
    def photos_left(self) -> int:
        """Photos without an outcome; a training has none."""
        return 0 if self.spec.training else self.spec.total - self.done - self.failed

    @property
    def cancelling(self) -> bool:
        """Whether a cancel was asked for."""
        return self.state in (JobState.CANCELLING, JobState.CANCELLED)

    def with_chunk(self, chunk: Chunk) -> Self:
        """Return the record with this chunk in place of the one of its number."""
        return self.model_copy(update={"active": {**self.active, chunk.number: chunk}})
