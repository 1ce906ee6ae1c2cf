"""Claims: a worker's chunk or a trainer's training, with the fencing token that proves it."""

from dataclasses import dataclass

from infra.jobs.domain.model import JobSpec, PhotoEntry, TrainingConfig, TrainingProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedChunk:
    """A chunk that a worker has claimed: the photos to work, and the token to work them under."""

    spec: JobSpec
    number: int
    token: int
    worker: str
    #: The photos that have no outcome yet, in the order of the album.
    photos: tuple[PhotoEntry, ...]
    #: Work photo by photo, and report each as in flight before touching it: one kills workers.
    solo: bool
    #: The photos that fail if they are unreadable once more: S3 refuses them and serves others.
    last_attempt: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTraining:
    """A training that a trainer has claimed for one slice, and the token to work it under."""

    spec: JobSpec
    token: int
    worker: str
    #: The progress known at the claim; the newest checkpoint may lie before it.
    progress: TrainingProgress | None
    #: The stages that are published and counted.
    published: tuple[int, ...]
    #: Whether it fails if S3 refuses an object once more that it needs, and serves others.
    last_attempt: bool = False

    @property
    def config(self) -> TrainingConfig:
        """The config of the training."""
        return self.spec.training_config
