"""What a worker tells the job service while it holds a chunk, and whether it still holds it.

Every photo is named as in flight before it is touched: should it take the process down, the
sweeper knows which photos to suspect.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Protocol, Self, TypeVar

import structlog

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import PhotoOutcome
from infra.jobs.domain.rules import JobCancelled, StaleLease
from worker.process.survival import tell_survival

T = TypeVar("T")
log = structlog.get_logger()

#: Seconds between two attempts to reach a server that is away: the first pause and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
#: Seconds of an outage after which the chunk is given back although its lease can be kept: what
#: one job needs may be out of reach while what another needs is not.
OUTAGE_PATIENCE = 60.0
#: Seconds after a stop was asked for at which a chunk is given back although a photo is at work.
STOP_GRACE = 7.0
#: Seconds between looks at whether a stop was asked for.
STOP_LOOKS = 0.5


class ChunkService(Protocol):
    """What the ledger needs of JobService."""

    def report(
        self,
        claim: ClaimedChunk,
        outcomes: Sequence[PhotoOutcome],
        in_flight: Collection[int] | None = None,
    ) -> None:
        """Commit outcomes, say what is in flight, extend the lease; raises StaleLease."""
        ...

    def finish(self, claim: ClaimedChunk) -> None:
        """Hand the chunk in; raises StaleLease."""
        ...

    def release(self, claim: ClaimedChunk) -> None:
        """Give the chunk back."""
        ...

    def put_off(self, claim: ClaimedChunk, photos: Collection[int]) -> None:
        """Give the chunk back for a later round; raises StaleLease."""
        ...


class Halted(Exception):
    """The chunk is no longer ours to work on: stop at once and write nothing more."""


class Ledger:
    """One claimed chunk's commits and heartbeat; a context, in which the heart beats.

    On leaving it, a lease that we outlived is owned up to, so that no photo is blamed for it.

    Several threads may use it. `stop` is the process's wish to end. Times are in seconds;
    `clock` is monotonic.
    """

    def __init__(
        self,
        *,
        service: ChunkService,
        claim: ClaimedChunk,
        stop: threading.Event,
        lease_seconds: float,
        heartbeat_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        first_pause: float = FIRST_PAUSE,
        stop_grace: float = STOP_GRACE,
    ) -> None:
        self._service = service
        self._claim = claim
        self._stop = stop
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._clock = clock
        self._first_pause = first_pause
        self._stop_grace = stop_grace
        self._alive_until = clock() + lease_seconds
        self._in_flight: set[int] = set()
        self._writing = threading.Lock()
        self._halted = threading.Event()
        #: Whether the lease was taken from us although we live.
        self._outlived = False
        self._handing_in = threading.Event()
        self._done = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._log = log.bind(job_id=claim.spec.id, chunk=claim.number)

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
        if self._outlived:
            tell_survival(
                lambda: self._service.release(self._claim), self._stop, pause=self._first_pause
            )

    @property
    def halted(self) -> bool:
        """Whether the chunk is lost to us."""
        return self._halted.is_set()

    def check(self) -> None:
        """Raise Halted when the chunk is no longer ours."""
        if self.halted:
            raise Halted

    def admit(self, indices: Collection[int]) -> None:
        """Name photos as in flight, before they are touched."""
        with self._writing:
            self._in_flight.update(indices)
            self._report([])

    def commit(self, outcomes: Sequence[PhotoOutcome], admitted: Collection[int]) -> None:
        """Commit photos and, in the same message, name those that come next."""
        with self._writing:
            self._in_flight.difference_update(outcome.index for outcome in outcomes)
            self._in_flight.update(admitted)
            self._report(outcomes)

    def set_aside(self, index: int) -> None:
        """Take a photo out of what is in flight; the next report says so."""
        with self._writing:
            self._in_flight.discard(index)

    def finish(self) -> None:
        """Hand in the chunk."""
        self._hand_over(lambda: self._service.finish(self._claim))

    def put_off(self, photos: Collection[int]) -> None:
        """Hand the chunk back for a later round, in which `photos` may be within reach."""
        self._hand_over(lambda: self._service.put_off(self._claim, photos))

    def _hand_over(self, action: Callable[[], None]) -> None:
        self._handing_in.set()
        self.persist(action)
        self._halted.set()

    def release(self) -> None:
        """Give the chunk back; it is not ours any more, even if nobody could be told."""
        if self.halted:
            return
        # Before the call: nothing may be written once others can have the chunk.
        self._halted.set()
        try:
            self._service.release(self._claim)
            self._log.info("chunk given back")
        except ServiceUnavailable:
            self._log.warning("chunk left to its lease: nobody could be told")

    def halt(self) -> None:
        """Let every thread that works on the chunk stop at its next step."""
        self._halted.set()

    def persist(self, action: Callable[[], T]) -> T:
        """Return what `action` does, repeated through outages for as long as the lease lives.

        A server that is away is nobody's photo's fault. Raises Halted, and what `action` raises.
        """
        began, pause = self._clock(), self._first_pause
        while True:
            self.check()
            try:
                return action()
            except StaleLease as error:
                self._lose(error)
                raise Halted from error
            except ServiceUnavailable as error:
                self._bear(error, began)
            self._halted.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _report(self, outcomes: Sequence[PhotoOutcome]) -> None:
        def send() -> None:
            now = self._clock()
            self._service.report(self._claim, outcomes, sorted(self._in_flight))
            self._alive_until = now + self._lease_seconds

        self.persist(send)

    def _lose(self, error: StaleLease) -> None:
        cancelled = isinstance(error, JobCancelled)
        self._outlived = not cancelled
        self._halted.set()
        self._log.info("job cancelled, chunk stopped" if cancelled else "lease lost, chunk stopped")

    def _bear(self, error: ServiceUnavailable, began: float) -> None:
        """Endure an outage for a while; after that leave the chunk to whoever comes later."""
        now = self._clock()
        if now >= self._alive_until:
            self._outlived = True
            self._halted.set()
            self._log.warning("lease ran out during an outage, chunk left", reason=error.detail)
            raise Halted from error
        if now - began >= OUTAGE_PATIENCE:
            self.release()
            raise Halted from error
        self._log.warning("a server is away, trying again", reason=error.detail)

    def _beat(self) -> None:
        """The heartbeat's thread: keep the lease, and watch for a stop that takes too long."""
        beaten = self._clock()
        stop_seen: float | None = None
        while not self._done.wait(min(self._heartbeat_seconds, STOP_LOOKS)) and not self.halted:
            now = self._clock()
            if now - beaten >= self._heartbeat_seconds:
                self._beat_once()
                beaten = now
            if self._stop.is_set():
                stop_seen = now if stop_seen is None else stop_seen
                if now - stop_seen >= self._stop_grace:
                    self.release()

    def _beat_once(self) -> None:
        now = self._clock()
        try:
            self._service.report(self._claim, [])
            self._alive_until = now + self._lease_seconds
        except StaleLease as error:
            # A chunk that was just handed in has no lease either, and that is no loss.
            if not self._handing_in.is_set():
                self._lose(error)
        except ServiceUnavailable as error:
            self._log.warning("heartbeat not heard", reason=error.detail)
