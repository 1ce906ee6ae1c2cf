"""A stage that goes on where it was stopped, from the product's own checkpoints."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor

from trainer.local.checkpoint_file import CheckpointFile
from trainer.loss.objective import StepLoss
from trainer.training.checkpoint import Checkpoint
from trainer.training.history import pack_history, unpack_history

#: Seconds of work that are lost at the most.
CHECKPOINT_SECONDS = 120.0


class Stage(Protocol):
    """What a StageTrainer is to whoever lets it work."""

    @property
    def done(self) -> bool: ...

    def step(self) -> StepLoss: ...

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, state: Mapping[str, Tensor], losses: Iterable[StepLoss]) -> None: ...

    def close(self) -> None: ...


def run_stage(
    trainer: Stage,
    kept: Path,
    digest: str,
    *,
    every: float = CHECKPOINT_SECONDS,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Train a stage to its end, and return the seconds it took by `clock`, all tries together.

    Its state is written into the file `kept` now and then, which goes in the end; `digest` stands
    for all that decides the net. Raises CheckpointRejected for a file of another one.
    """
    file = CheckpointFile(kept)
    losses: list[StepLoss] = []
    before = 0.0
    if found := file.read(digest):
        (losses,) = unpack_history(found.tensors["history"], [found.iteration])
        trainer.restore(found.tensors, losses)
        before = found.facts["seconds"]
    begun = written = clock()
    while not trainer.done:
        losses.append(trainer.step())
        if clock() - written >= every and not trainer.done:
            written = clock()
            file.write(_state(trainer, losses, digest, before + written - begun))
    trainer.close()
    kept.unlink(missing_ok=True)
    return before + clock() - begun


def _state(trainer: Stage, losses: list[StepLoss], digest: str, seconds: float) -> Checkpoint:
    tensors = {**trainer.state(), "history": pack_history([losses])}
    count = len(losses)
    return Checkpoint(digest, count, 0, count, tensors, {"seconds": seconds})
