"""Training a style on this machine: the schedule's stages one after the other, into a folder."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.catalogue.card import StyleCard, stage_file
from infra.errors import ImpastoError
from trainer.card import FIRST_ITERATIONS, config_digest
from trainer.loss.objective import StepLoss
from trainer.publish.folder import SHEET_PHOTOS, StyleFolder
from trainer.schedule.guard import GuardRules, TrainingDiverged
from trainer.training.context import (
    CORPUS_SIDE,
    HELD_OUT,
    RunConfig,
    TrainingContext,
    file_sha256,
    to_tensor,
)
from trainer.training.loop import StageTrainer
from trainer.training.run import TrainingRun
from worker.net import TransformNet

__all__ = [
    "CORPUS_SIDE",
    "HELD_OUT",
    "SHEET_PHOTOS",
    "Progress",
    "RunConfig",
    "TrainingContext",
    "file_sha256",
    "first_iterations",
    "starting_net",
    "to_tensor",
    "train",
]


class FolderTaken(ImpastoError):
    """The folder holds stages of another training config; they are kept."""

    type = "style-folder-taken"
    title = "The folder holds another training."


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is, for a progress bar."""

    stage: int
    ratio: float
    iteration: int
    iterations: int
    loss: StepLoss


def train(
    context: TrainingContext,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    base: bytes | None = None,
    rules: GuardRules = GuardRules(),  # noqa: B008 - immutable
    clock: Callable[[], float] = time.monotonic,
) -> StyleCard:
    """Train all stages into `folder`: stage files, `card.json`, sheet, loss chart and history.

    `base` is the file of a net that serves as stage 0 as it is. Stages that the folder's card
    already holds for the same config are kept, so a training that was stopped goes on behind its
    last finished stage; those of another one raise FolderTaken. `clock` (seconds) times the stages.
    Raises TrainingDiverged when the guard gave up; the stages before that and the card are there
    then.
    """
    run = TrainingRun(context, base=base, rules=rules, clock=clock)
    files = StyleFolder(folder, context)
    try:
        _resume(run, files)
        _train(context, run, files, on_progress)
    except TrainingDiverged:
        run.card.write(folder)
        raise
    finally:
        run.close()
    return run.card


def _train(
    context: TrainingContext,
    run: TrainingRun,
    files: StyleFolder,
    on_progress: Callable[[Progress], None],
) -> None:
    while not run.done:
        if run.stage_ready:
            if end := run.end_stage():
                files.write(run, end)
            continue
        plan = context.config.schedule.stages[run.stage]
        loss = run.step()
        on_progress(Progress(run.stage, plan.ratio, run.iteration, plan.iterations, loss))


def _resume(run: TrainingRun, files: StyleFolder) -> None:
    """Continue behind the stages in a folder; raises FolderTaken for those of another config."""
    if not (files.path / "card.json").exists():
        return
    found = StyleCard.read(files.path)
    if not found.stages:
        return
    if not _same_training(found, run.card):
        raise FolderTaken(
            f"{files.path} holds stages of {found.name} from another painting, schedule, seed or "
            "other photos; name another folder, or remove this one."
        )
    decided, last = len(found.stages) + len(found.refused), found.stages[-1].file
    run.adopt(found, (files.path / last).read_bytes(), files.read_history(decided))


def _same_training(found: StyleCard, mine: StyleCard) -> bool:
    """Whether two cards are of one training; what is said about it, or measured, may differ."""
    same_photos = found.training.corpus_sha256 == mine.training.corpus_sha256
    return same_photos and config_digest(found) == config_digest(mine)


def starting_net(context: TrainingContext, folder: Path, stage: int) -> TransformNet:
    """Return the net that a stage starts from: the last published one's file, or the seed's."""
    for before in reversed(range(stage)):
        if (path := folder / stage_file(before)).exists():
            return context.unpack(path.read_bytes())
    return context.first_net()


def first_iterations(trainer: StageTrainer) -> Iterator[StepLoss]:
    """Run a stage's first iterations, yielding each one's losses."""
    while trainer.iteration < FIRST_ITERATIONS and not trainer.done:
        yield trainer.step()
