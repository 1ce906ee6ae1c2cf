"""One slice of a training: what it works with, what it says, and how it ends."""

import secrets
from collections import deque
from collections.abc import Callable
from enum import Enum
from statistics import fmean
from typing import Final

import structlog

from infra.errors import ImpastoError
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import Problem, TrainingProgress
from trainer.slices.session import TrainingSession
from trainer.slices.training_keeper import TrainingKeeper
from worker.engines.memory import is_out_of_memory

#: Steps over which speed and losses are averaged for whoever watches.
WATCHED: Final = 20

log = structlog.get_logger()


class Left(Enum):
    """How a slice left its training."""

    UNFINISHED = "unfinished"
    MAKING_WAY = "making way"
    DEFERRED = "deferred"
    FINISHED = "finished"


class Slice:
    """One slice at work: the training session, the keeper of its lease, and its speed."""

    def __init__(
        self, session: TrainingSession, keeper: TrainingKeeper, clock: Callable[[], float]
    ) -> None:
        self.session = session
        self.keeper = keeper
        self._clock = clock
        #: When each of the last steps ended.
        self._ticks: deque[float] = deque([clock()], maxlen=WATCHED + 1)
        self.tell()

    def step(self) -> None:
        """Train one iteration and tell about it."""
        self.session.run.step()
        self._ticks.append(self._clock())
        self.tell()

    def save(self) -> None:
        """Write a checkpoint, if the training is still ours."""
        self.keeper.confirm()
        state, token = self.session.run.state(), self.keeper.claim.token
        self.keeper.persist(lambda: self.session.checkpoints.save(state, token))

    def tell(self) -> None:
        """Say how far the training is; the next heartbeat carries it."""
        run, stages = self.session.run, self.session.config.stages
        before = sum(iterations for _, iterations in stages[: run.stage])
        recent = next((losses for losses in reversed(run.history) if losses), [])[-WATCHED:]
        steps = run.card.interventions
        self.keeper.progress = TrainingProgress(
            stage=run.stage,
            iteration=before + (0 if run.done else run.iteration),
            iteration_total=self.session.config.iterations,
            images_per_second=self._images_per_second(),
            content=fmean(loss.content for loss in recent) if recent else None,
            style=fmean(loss.style for loss in recent) if recent else None,
            note=f"stage {steps[-1].stage} went back: {steps[-1].reason}" if steps else None,
        )

    def _images_per_second(self) -> float | None:
        seconds = self._ticks[-1] - self._ticks[0]
        return (len(self._ticks) - 1) * self.session.config.batch / seconds if seconds > 0 else None


def problem(claim: ClaimedTraining, error: Exception) -> Problem:
    """Return what is said about a training that `error` ended."""
    if isinstance(error, ImpastoError):
        return Problem(type=error.type, detail=error.detail)
    if is_out_of_memory(error):
        return Problem(
            type="training-too-large-for-memory",
            detail="The training needs more memory than this trainer has; use the profile 'light', "
            "or a smaller loss network such as squeezenet1_1.",
        )
    incident = secrets.token_hex(4)
    log.error("training failed by a bug", job_id=claim.spec.id, incident=incident, exc_info=error)
    return Problem(
        type="internal",
        detail=f"Something went wrong inside the trainer; its log says more at {incident}.",
    )
