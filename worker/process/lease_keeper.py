"""Keeping a lease while one works under it: heartbeat, outages, stops, release.

One rule for chunks of albums and for slices of trainings:

- The heartbeat extends the lease through Redis alone. An outage of S3 costs no lease, and an
  unexpected error in one beat does not end the next.
- An outage is endured while the lease can be alive, for OUTAGE_PATIENCE seconds since its first
  failure, and not at all once the process is to end: the time that is left is for the release.
  Work that an outage ends is given back without a notification, as it would only fail again.
- `stop_grace` seconds after a stop was asked for, the work is given back although it goes on.
- A lease that was lost while we live is reported (the late release): the sweeper cannot tell a
  process that is cut off from a dead one, and suspects what was in flight. So a release is repeated
  until it is delivered, or for `stop_grace` seconds when the process is to end.
- Work that an unexpected error ended is left to its lease. It comes again later and not at once,
  and that it was lost counts: otherwise it could come for ever.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

import structlog

from infra.errors import ServiceUnavailable
from infra.jobs.domain.rules import JobCancelled, StaleLease

T = TypeVar("T")
log = structlog.get_logger()

#: Seconds between two attempts to reach a server that is away: the first pause and the longest.
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
#: Seconds of an outage after which the work ends although its lease can be kept: what one job
#: needs may be unreadable while what another needs is not.
OUTAGE_PATIENCE: Final = 60.0
#: Seconds after a stop was asked for at which work is given back although it goes on.
STOP_GRACE: Final = 7.0
#: Seconds between looks at whether a stop was asked for.
STOP_LOOKS: Final = 0.5


class Halted(Exception):
    """The work is no longer ours: stop at once and write nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """How long a lease lives and how it is kept. In seconds; `clock` is monotonic."""

    lease_seconds: float
    heartbeat_seconds: float
    stop_grace: float = STOP_GRACE
    first_pause: float = FIRST_PAUSE
    clock: Callable[[], float] = time.monotonic


class LeaseKeeper(ABC):
    """Keeps one lease; a context, in which the heart beats.

    Leaving the context gives the work back where it was not handed in: after a loss, an outage or
    an end of the process, but not after an unexpected error. Several threads may use it. `stop` is
    the process's wish to end; `fields` are logged with every event.
    """

    def __init__(self, *, stop: threading.Event, timing: LeaseTiming, **fields: object) -> None:
        self._stop = stop
        self._timing = timing
        self._clock = timing.clock
        self._alive_until = self._clock() + timing.lease_seconds
        self._beaten = self._clock()
        self._stop_seen: float | None = None
        self._halted = threading.Event()
        self._handing_in = threading.Event()
        self._releasing = threading.Lock()
        #: Whether the work was given back on purpose, which may not be delivered yet.
        self._let_go = False
        #: Whether others are to be told at once of work that is given back.
        self._notify = True
        #: Whether the service knows that the work is not ours any more.
        self._settled = False
        self._done = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._log = log.bind(**fields)

    @abstractmethod
    def _extend(self) -> None:
        """Extend the lease, through Redis alone; raises StaleLease."""

    @abstractmethod
    def _give_back(self, *, notify: bool) -> None:
        """Give the work back, or, when its lease was lost, take the strikes of that loss back.

        With `notify`, others are told of it now, else by a later sweep. May be repeated.
        """

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
        ending = isinstance(error, SystemExit | KeyboardInterrupt)
        if isinstance(error, ServiceUnavailable):
            self._notify = False
        elif not self.halted and not ending:
            return  # an unexpected error, or nothing was asked of us
        self._halted.set()
        self._insist_on_release(ending=ending)

    @property
    def halted(self) -> bool:
        """Whether the work is lost to us, handed in or given back."""
        return self._halted.is_set()

    def check(self) -> None:
        """Raise Halted when the work is no longer ours, as far as we know."""
        if self.halted:
            raise Halted

    def persist(self, action: Callable[[], T]) -> T:
        """Return what `action` does, repeated through an outage for as long as that is endured.

        Raises Halted when the lease is lost, ServiceUnavailable when it lives and the outage is
        endured no longer, and whatever else `action` raises.
        """
        pause, since = self._timing.first_pause, None
        while True:
            self.check()
            try:
                return action()
            except StaleLease as error:
                self._lose(error)
                raise Halted from error
            except ServiceUnavailable as error:
                since = self._endure(error, since)
            self._halted.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def hand_in(self, action: Callable[[], None]) -> None:
        """Persist the `action` that ends our part; raises as `persist` does."""
        self._handing_in.set()
        self.persist(action)
        self._settled = True
        self._halted.set()

    def release(self, *, notify: bool = True) -> None:
        """Give the work back now; it is not ours any more, even if that is not delivered yet."""
        if self.halted:
            return
        # Before the call: nothing may be written once others can have the work.
        self._notify, self._let_go = notify, True
        self._halted.set()
        self._deliver_release()

    def _extended(self, send: Callable[[], None]) -> None:
        """Do what extends the lease, and note how long it lives now."""
        now = self._clock()
        send()
        self._alive_until = max(self._alive_until, now + self._timing.lease_seconds)

    def _lose(self, error: StaleLease) -> None:
        self._halted.set()
        cancelled = isinstance(error, JobCancelled)
        self._log.info("job cancelled, work stopped" if cancelled else "lease lost, work stopped")

    def _endure(self, error: ServiceUnavailable, since: float | None) -> float:
        """Return since when the outage lasts; raises when it is endured no longer."""
        now = self._clock()
        since = now if since is None else since
        if now >= self._alive_until:  # others may have taken over
            self._halted.set()
            self._log.warning("lease ran out during an outage", reason=error.detail)
            raise Halted from error
        if self._stop.is_set() or now - since >= OUTAGE_PATIENCE:
            raise error
        self._log.warning("server unreachable, trying again", reason=error.detail)
        return since

    def _stop_overdue(self) -> bool:
        """Whether a stop was asked for so long ago that the work must be given back."""
        if not self._stop.is_set():
            return False
        now = self._clock()
        if self._stop_seen is None:
            self._stop_seen = now
        return now - self._stop_seen >= self._timing.stop_grace

    def _insist_on_release(self, *, ending: bool) -> None:
        """Repeat the release until it is delivered; for `stop_grace` seconds once we are to end.

        It may take as long as an outage of Redis does, in which there is no other work to be had.
        """
        pause, since = self._timing.first_pause, None
        while not self._deliver_release():
            if ending or self._stop.is_set():
                since = self._clock() if since is None else since
                if self._clock() - since >= self._timing.stop_grace:
                    self._log.warning("work left to its lease")
                    return
                time.sleep(pause)
            else:
                self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _deliver_release(self) -> bool:
        """Give the work back if that was not done yet; returns whether it is done."""
        with self._releasing:
            if self._settled:
                return True
            try:
                self._give_back(notify=self._notify)
            except ServiceUnavailable as error:
                self._log.warning("lease release not delivered", reason=error.detail)
                return False
            self._settled = True
            self._log.info("work given back")
            return True

    def _beat(self) -> None:
        """The heartbeat's thread: look after the lease until the work is done, lost or let go."""
        looks = min(self._timing.heartbeat_seconds, STOP_LOOKS)
        while not self._done.wait(looks) and (self._let_go or not self.halted):
            try:
                self._look()
            except Exception as error:  # a bug: the lease is to be kept all the same
                self._log.error("heartbeat failed by a bug", exc_info=error)

    def _look(self) -> None:
        """Extend the lease when it is time, or give back work that a stop waits for too long."""
        if self._let_go:
            self._deliver_release()
            return
        now = self._clock()
        if now - self._beaten >= self._timing.heartbeat_seconds:
            self._beaten = now
            self._extend_once()
        if self._stop_overdue():
            self.release()

    def _extend_once(self) -> None:
        try:
            self._extended(self._extend)
        except StaleLease as error:
            # Work that was just handed in has no lease either, and that is no loss.
            if not self._handing_in.is_set():
                self._lose(error)
        except ServiceUnavailable as error:
            self._log.warning("heartbeat not delivered", reason=error.detail)
