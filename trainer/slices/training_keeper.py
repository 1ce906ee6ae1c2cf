"""The lease keeper of a training: what it tells about progress while a slice works."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import Problem, TrainingProgress
from infra.jobs.domain.rules import StaleLease
from worker.process.lease_keeper import LeaseKeeper, LeaseTiming

#: Seconds after a stop was asked for at which a training is given back although it goes on: enough
#: to end a step and write a checkpoint, which is worth more than the photos of a chunk.
STOP_GRACE: Final = 15.0
#: Seconds between two looks for the first progress of a slice: somebody may be waiting for it.
FIRST_LOOK: Final = 1.0


class TrainingService(Protocol):
    """The part of TrainingClaims that a trainer calls; see there for what each method promises."""

    def claim(self, job: str, worker: str) -> ClaimedTraining | None:
        """Take a training for a slice; None when there is nothing to do."""
        ...

    def report(self, claim: ClaimedTraining, progress: TrainingProgress | None = None) -> None:
        """Say how far it is and extend the lease; raises StaleLease."""
        ...

    def end_slice(
        self,
        claim: ClaimedTraining,
        progress: TrainingProgress | None = None,
        *,
        notify: bool = True,
    ) -> None:
        """Give the training back between two slices."""
        ...

    def defer(self, claim: ClaimedTraining, progress: TrainingProgress | None = None) -> None:
        """Give the training back for a later round; raises StaleLease."""
        ...

    def stage_published(self, claim: ClaimedTraining, stage: int) -> None:
        """Count a stage that the catalogue has published; raises StaleLease."""
        ...

    def finish(self, claim: ClaimedTraining) -> None:
        """End a training whose stages are all decided; raises StaleLease."""
        ...

    def fail(self, claim: ClaimedTraining, problem: Problem) -> None:
        """End a training that cannot go on; raises StaleLease."""
        ...


class TrainingKeeper(LeaseKeeper):
    """Keeps the lease of one claimed training, and tells the newest progress with each heartbeat.

    Progress goes through S3, so a thread of its own tells it: the lease outlives an outage of S3.
    It also asks `albums_wait` whether the training is to make way.
    """

    def __init__(
        self,
        *,
        service: TrainingService,
        claim: ClaimedTraining,
        stop: threading.Event,
        timing: LeaseTiming,
        albums_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(stop=stop, timing=timing, job_id=claim.spec.id)
        self.claim = claim
        #: The newest progress; it is told with the next heartbeat.
        self.progress: TrainingProgress | None = claim.progress
        #: Whether an album waits for a worker, as of the last heartbeat.
        self.albums_wait = False
        self._service = service
        self._look_for_albums = albums_wait
        #: Held while progress is told: the service takes it from one thread at a time.
        self._telling = threading.Lock()
        self._teller = threading.Thread(target=self._tell_again, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._teller.start()
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._teller.join()

    def remark(self, note: str) -> None:
        """Let whoever watches know something, until the training goes on."""
        if self.progress is not None:
            self.progress = self.progress.model_copy(update={"note": note})

    def confirm(self) -> None:
        """Ask whether the training is still ours before something is written; raises Halted."""
        self.persist(self._tell)

    def hand_in(self, action: Callable[[], None]) -> None:
        """As LeaseKeeper.hand_in; `action` may tell progress."""

        def alone() -> None:
            with self._telling:
                action()

        super().hand_in(alone)

    def _tell(self) -> None:
        with self._telling:
            self._extended(lambda: self._service.report(self.claim, self.progress))

    def _extend(self) -> None:
        self._service.report(self.claim)

    def _give_back(self, *, notify: bool) -> None:
        self._service.end_slice(self.claim, notify=notify)

    def _await_measurement(self) -> None:
        """Wait until the slice has trained a step: it can be told how long the rest will take."""
        pause = min(FIRST_LOOK, self._timing.heartbeat_seconds)
        while not self._measured() and not self._done.wait(pause) and not self.halted:
            pass

    def _measured(self) -> bool:
        now = self.progress
        return now is not None and now is not self.claim.progress and bool(now.images_per_second)

    def _tell_again(self) -> None:
        """The teller's thread: deliver the newest progress, and look for albums that wait."""
        self._await_measurement()
        pause = 0.0
        while not self._done.wait(pause) and not self.halted:
            pause = self._timing.heartbeat_seconds
            try:
                self.albums_wait = self._look_for_albums()
                if not self._handing_in.is_set():
                    self._tell()
            except StaleLease:
                pass  # the heartbeat finds out, too, and knows whether it is a loss
            except ServiceUnavailable as error:
                self._log.warning("progress not delivered", reason=error.detail)
            except Exception as error:  # a bug: the training is to go on all the same
                self._log.error("progress failed by a bug", exc_info=error)
