"""What a worker or a trainer holds: its chunk or training, and the token that proves it."""

from dataclasses import dataclass

from infra.jobs.domain.model import JobSpec, PhotoEntry, TrainingConfig, TrainingProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedChunk:
    """A worker's hold on one chunk: what it must work, and under which token."""

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
    """A trainer's hold on a training for one slice: what was asked for, and under which token."""

    spec: JobSpec
    token: int
    worker: str
    #: How far it was known to be when it was claimed; the newest checkpoint may lie before it.
    progress: TrainingProgress | None
    #: The stages that are published and counted.
    published: tuple[int, ...]
    #: Whether it fails if S3 refuses an object once more that it needs, and serves others.
    last_attempt: bool = False

    @property
    def config(self) -> TrainingConfig:
        """What is to be learnt."""
        return self.spec.training_config
