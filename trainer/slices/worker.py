"""Slices of a training: claim it, go on where it was left, train for a while, hand it back.

What is written is ordered so that a kill between any two lines repeats at most the iterations
since the newest checkpoint: a stage is published before it is counted, and counted before a
checkpoint lies behind it. Publishing again publishes the same.
"""

import shutil
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from infra import layout
from infra.disk import is_full_disk
from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import Problem
from infra.storage.port import ObjectStore
from infra.storage.unreadable import UnreadableObject, find_unreadable
from trainer.schedule.guard import TrainingDiverged
from trainer.slices.opener import SessionOpener
from trainer.slices.publisher import Catalogue, StagePublisher
from trainer.slices.session import TrainingSession
from trainer.slices.slice import Left, Slice, problem
from trainer.slices.training_keeper import STOP_GRACE, TrainingKeeper, TrainingService
from worker.process.lease_keeper import Halted, LeaseTiming

#: Seconds of a slice before which it does not make way for albums: opening a training takes some.
SHORTEST_SLICE: Final = 30.0

log = structlog.get_logger()


class SliceWorker:
    """Works slices of trainings, one at a time. `stop` is set when the process is to end.

    Times are in seconds; `clock` is monotonic.
    """

    def __init__(
        self,
        *,
        trainings: TrainingService,
        objects: ObjectStore,
        catalogue: Catalogue,
        opener: SessionOpener,
        stop: threading.Event,
        slice_seconds: float,
        checkpoint_seconds: float,
        lease_seconds: float,
        heartbeat_seconds: float,
        albums_wait: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trainings = trainings
        self._objects = objects
        self._opener = opener
        self._publisher = StagePublisher(
            trainings=trainings, objects=objects, catalogue=catalogue, opener=opener
        )
        self._stop = stop
        self._slice_seconds = slice_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._timing = LeaseTiming(
            lease_seconds=lease_seconds,
            heartbeat_seconds=heartbeat_seconds,
            stop_grace=STOP_GRACE,
            clock=clock,
        )
        self._albums_wait = albums_wait
        self._clock = clock

    def work(self, job: str, worker: str) -> None:
        """Claim a training and work one slice of it; nothing happens where there is none to do."""
        if self._stop.is_set():
            return  # The sweeper sends the message again, for a process that has time left.
        try:
            claim = self._trainings.claim(job, worker)
        except ServiceUnavailable as error:
            log.warning("training not claimed", job_id=job, reason=error.detail)
            return
        if claim is None:
            return
        try:
            with self._keeper(claim) as keeper:
                left = self._guarded(keeper)
                how = left.type if isinstance(left, Problem) else left.value
                log.info("slice ended", job_id=job, worker=claim.worker, left=how)
                keeper.hand_in(lambda: self._hand_back(keeper, left))
        except (Halted, ServiceUnavailable):
            log.info("slice stopped", job_id=job)

    def _keeper(self, claim: ClaimedTraining) -> TrainingKeeper:
        return TrainingKeeper(
            service=self._trainings,
            claim=claim,
            stop=self._stop,
            timing=self._timing,
            albums_wait=self._albums_wait,
        )

    def _guarded(self, keeper: TrainingKeeper) -> Left | Problem:
        """Work the slice, and turn what stopped it into what is said about it.

        Raises Halted, and ServiceUnavailable in an outage.
        """
        claim = keeper.claim
        try:
            return self._slice(keeper)
        except Halted:
            raise
        except ServiceUnavailable as error:
            # A process that is to end has not waited long enough to blame an object.
            probe = layout.job_spec(claim.spec.tenant, claim.spec.id)
            if not self._stop.is_set() and (
                unreadable := find_unreadable(self._objects, error, probe)
            ):
                return _defer(keeper, unreadable)
            log.warning("slice cut off", job_id=claim.spec.id, reason=error.detail)
            raise
        except Exception as error:
            if not is_full_disk(error):
                return problem(claim, error)
            keeper.remark("The trainer's disk is full; it goes on when there is room.")
            log.warning("slice cut off", job_id=claim.spec.id, reason=str(error))
            return Left.MAKING_WAY  # no message now: the next try would fail at once

    def _hand_back(self, keeper: TrainingKeeper, left: Left | Problem) -> None:
        claim = keeper.claim
        if isinstance(left, Problem):
            self._trainings.fail(claim, left)
            log.warning("training failed", job_id=claim.spec.id, type=left.type)
        elif left is Left.FINISHED:
            self._trainings.report(claim, keeper.progress)
            self._trainings.finish(claim)
        elif left is Left.DEFERRED:
            self._trainings.defer(claim, keeper.progress)
            return
        else:
            # Asked once more: a short slice may end before the heartbeat has looked for albums.
            goes_on = left is Left.UNFINISHED and not self._albums_wait()
            self._trainings.end_slice(claim, keeper.progress, notify=goes_on)
            return
        shutil.rmtree(self._opener.folder(claim.spec), ignore_errors=True)

    def _slice(self, keeper: TrainingKeeper) -> Left:
        begun, claim = self._clock(), keeper.claim
        session = keeper.persist(lambda: self._opener.open(claim))
        try:
            slice_ = Slice(session, keeper, self._clock)
            _log_begin(claim, session)
            for stage in session.run.card.stages:
                if stage.stage not in claim.published:
                    keeper.persist(
                        lambda number=stage.stage: self._trainings.stage_published(claim, number)
                    )
            return self._train(slice_, begun)
        except TrainingDiverged:
            self._publisher.write_files(session, keeper)
            raise
        finally:
            session.run.close()

    def _train(self, work: Slice, begun: float) -> Left:
        run, keeper = work.session.run, work.keeper
        saved = self._clock()
        while not run.done:
            keeper.check()
            if run.stage_ready:
                self._end_stage(work)
                saved = self._clock()
            else:
                work.step()
            now = self._clock()
            if (left := self._over(keeper, now - begun)) and not run.done:
                work.save()
                return left
            if now - saved >= self._checkpoint_seconds:
                work.save()
                saved = now
        return Left.FINISHED

    def _over(self, keeper: TrainingKeeper, seconds: float) -> Left | None:
        """Return how to leave when the slice is over; None while it is not."""
        if self._stop.is_set():
            return Left.UNFINISHED
        if keeper.albums_wait and seconds >= min(SHORTEST_SLICE, self._slice_seconds):
            return Left.MAKING_WAY
        return Left.UNFINISHED if seconds >= self._slice_seconds else None

    def _end_stage(self, work: Slice) -> None:
        """Decide a stage, and publish it; the checkpoint before spares the stage's own work."""
        work.save()
        end = work.session.run.end_stage()
        if end is not None:
            self._publisher.publish(work.session, work.keeper, end)
        work.save()
        work.tell()


def _defer(keeper: TrainingKeeper, error: UnreadableObject) -> Left | Problem:
    """Leave a training to a later round; on the last attempt it fails."""
    claim = keeper.claim
    if claim.last_attempt:
        detail = error.advice("send the training again")
        return Problem(type="object-refused-by-storage", detail=detail)
    keeper.remark(f"S3 does not serve {error.key!r}; it is asked for again.")
    log.warning("training deferred", job_id=claim.spec.id, reason=error.detail)
    return Left.DEFERRED


def _log_begin(claim: ClaimedTraining, session: TrainingSession) -> None:
    """Say who goes on with a training, and from where: what lies behind it is not repeated."""
    log.info(
        "slice begun",
        job_id=claim.spec.id,
        worker=claim.worker,
        stage=session.run.stage,
        iteration=session.run.iteration,
    )
