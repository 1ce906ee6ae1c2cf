"""What a job is made of: immutable values that go to Redis and S3 as JSON.

Nothing here talks to a network. Times are seconds since the epoch (float, UTC).
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """An immutable value with a JSON form; unknown fields of a newer version are let go."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class JobState(StrEnum):
    """Where a job is; the legal transitions are in `rules`."""

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


class WeightedNet(Value):
    """One net of a blend: its object key, the SHA-256 of its file (hex) and its weight 0..1."""

    key: str
    sha256: str
    weight: float = Field(ge=0, le=1)


class JobDraft(Value):
    """What a client asks for, before its photos are counted."""

    id: str
    tenant: str
    kind: str = "stylize"
    style: str
    strength: float = Field(default=1.0, ge=0, le=1)
    #: The nets that the style and strength meant at submission, so that a republished style
    #: does not change a running album.
    blend: tuple[WeightedNet, ...]


class JobSpec(JobDraft):
    """What was asked for; never changes after submission."""

    total: int = Field(ge=1, description="photos in the album")
    chunk_photos: int = Field(ge=1)
    created: float

    @property
    def chunks(self) -> int:
        """Into how many chunks the album is cut."""
        return -(-self.total // self.chunk_photos)

    def indices(self, chunk: int) -> range:
        """Return the photos of one chunk; the last chunk may be short."""
        start = chunk * self.chunk_photos
        return range(start, min(start + self.chunk_photos, self.total))


class PhotoEntry(Value):
    """One line of the manifest. `name` is unique in the job, safe as a file name."""

    index: int = Field(ge=0)
    name: str
    key: str


class PhotoOutcome(Value):
    """How one photo ended: either `result` (an object key) or `error` is set."""

    index: int = Field(ge=0)
    result: str | None = None
    result_name: str | None = None
    width: int | None = None
    height: int | None = None
    #: Size of the result in bytes.
    bytes: int | None = None
    #: Seconds of work; 0 when the result was there already.
    seconds: float | None = None
    cached: bool = False
    error: Problem | None = None


class Lease(Value):
    """A worker's hold on a chunk until `expires`; `token` fences off earlier holders."""

    token: int
    worker: str
    expires: float


class Chunk(Value):
    """A chunk that has been offered and is not done yet."""

    number: int
    rung_at: float
    lease: Lease | None = None
    attempts: int = 0
    items: dict[int, PhotoOutcome] = Field(default_factory=dict)
    in_flight: tuple[int, ...] = ()
    strikes: dict[int, int] = Field(default_factory=dict)


class JobRecord(Value):
    """The live record: O(window) large however many photos the job has.

    The last one is kept in S3 when the job is sealed.
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

    @property
    def cancelling(self) -> bool:
        """Whether somebody asked to cancel the job."""
        return self.state in (JobState.CANCELLING, JobState.CANCELLED)


class Attempt(Value):
    """What one attempt at a chunk had achieved, as its outcomes file in S3 tells."""

    chunk: int
    token: int
    outcomes: tuple[PhotoOutcome, ...]
