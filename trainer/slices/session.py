"""The training session: an opened training, as its slices work with it."""

from dataclasses import dataclass

from infra.jobs.domain.model import TrainingConfig
from trainer.publish.folder import StyleFolder
from trainer.training.checkpoint import CheckpointStore
from trainer.training.context import TrainingContext
from trainer.training.run import TrainingRun


@dataclass(frozen=True, slots=True)
class TrainingSession:
    """An opened training: what a slice needs to train, to keep and to publish it."""

    config: TrainingConfig
    context: TrainingContext
    run: TrainingRun
    files: StyleFolder
    checkpoints: CheckpointStore
    #: Where a base of this shape lies, or would.
    base_key: str
    #: SHA-256 (hex) of the backbone of a quick style; None for whole nets.
    backbone: str | None
