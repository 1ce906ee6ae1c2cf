"""A trainer's hold on a training: its heartbeat, what it reports, and whether it is still ours."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

import structlog

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobKind, Problem, TrainingProgress
from infra.jobs.domain.rules import JobCancelled, StaleLease

T = TypeVar("T")
log = structlog.get_logger()

#: Seconds between two attempts to reach a server that is away: the first pause and the longest.
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
#: Seconds of an outage after which the slice ends although its lease can be kept: what one
#: training needs may be out of reach while what another needs is not.
OUTAGE_PATIENCE: Final = 60.0


class TrainingService(Protocol):
    """What a trainer needs of JobService, which says what each method promises."""

    def claim_training(self, job: str, worker: str) -> ClaimedTraining | None:
        """Take a training for a slice; None when there is nothing to do."""
        ...

    def report_training(
        self, claim: ClaimedTraining, progress: TrainingProgress | None = None
    ) -> None:
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

    def put_off_training(
        self, claim: ClaimedTraining, progress: TrainingProgress | None = None
    ) -> None:
        """Give the training back for a later round; raises StaleLease."""
        ...

    def stage_published(self, claim: ClaimedTraining, stage: int) -> None:
        """Count a stage that the catalogue has published; raises StaleLease."""
        ...

    def finish_training(self, claim: ClaimedTraining) -> None:
        """End a training whose stages are all decided; raises StaleLease."""
        ...

    def fail_training(self, claim: ClaimedTraining, problem: Problem) -> None:
        """End a training that cannot go on; raises StaleLease."""
        ...

    def backlog(self, queue: JobKind = "stylize") -> int:
        """Return how many messages wait in a queue."""
        ...


class Halted(Exception):
    """The training is no longer ours: stop at once and write nothing more."""


class Hold:
    """One claimed training; a context, in which the heart beats and tells the newest progress.

    `stop` is the process's wish to end. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        service: TrainingService,
        claim: ClaimedTraining,
        stop: threading.Event,
        lease_seconds: float,
        heartbeat_seconds: float,
        yields: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.claim = claim
        #: The newest progress; the next heartbeat tells it.
        self.progress: TrainingProgress | None = claim.progress
        #: Whether an album waits for a worker, as of the last heartbeat.
        self.albums_wait = False
        self._service = service
        self._stop = stop
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._yields = yields
        self._clock = clock
        self._alive_until = clock() + lease_seconds
        self._reporting = threading.Lock()
        self._lost = threading.Event()
        self._done = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._log = log.bind(job_id=claim.spec.id)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._heart.join()

    def check(self) -> None:
        """Raise Halted when the training is no longer ours, as far as we know."""
        if self._lost.is_set():
            raise Halted

    def remark(self, note: str) -> None:
        """Let whoever watches know something, until the training goes on."""
        if self.progress is not None:
            self.progress = self.progress.model_copy(update={"note": note})

    def confirm(self) -> None:
        """Ask whether the training is still ours before something is written; raises Halted."""
        self.persist(self._report)

    def persist(self, action: Callable[[], T]) -> T:
        """Return what `action` does, repeated through outages for as long as the lease lives.

        Raises Halted, and what `action` raises: ServiceUnavailable when the outage lasts for
        OUTAGE_PATIENCE, or the process is to end.
        """
        pause, since = FIRST_PAUSE, None
        while True:
            self.check()
            try:
                return action()
            except StaleLease as error:
                self._lose(error)
                raise Halted from error
            except ServiceUnavailable as error:
                since = self._bear(error, since)
            self._lost.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _report(self) -> None:
        with self._reporting:  # the service takes progress from one thread at a time
            now = self._clock()
            self._service.report_training(self.claim, self.progress)
            self._alive_until = now + self._lease_seconds

    def _bear(self, error: ServiceUnavailable, since: float | None) -> float:
        """Endure an outage for a while; returns since when it lasts.

        Only while the lease can be alive: after that others may have taken over.
        """
        now = self._clock()
        if now >= self._alive_until:
            self._lost.set()
            self._log.warning("lease ran out during an outage, training left", reason=error.detail)
            raise Halted from error
        since = now if since is None else since
        if self._stop.is_set() or now - since >= OUTAGE_PATIENCE:
            raise error
        self._log.warning("a server is away, trying again", reason=error.detail)
        return since

    def _lose(self, error: StaleLease) -> None:
        self._lost.set()
        cancelled = isinstance(error, JobCancelled)
        self._log.info("job cancelled, training stopped" if cancelled else "lease lost")

    def _beat(self) -> None:
        while not self._done.wait(self._heartbeat_seconds) and not self._lost.is_set():
            try:
                self._report()
                self.albums_wait = self._yields and self._service.backlog("stylize") > 0
            except StaleLease as error:
                # A training that has just been ended has no lease either, and that is no loss.
                if not self._done.is_set():
                    self._lose(error)
            except ServiceUnavailable as error:
                self._log.warning("heartbeat not heard", reason=error.detail)
