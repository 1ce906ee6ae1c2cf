"""The consumer guard: a worker that takes nothing although messages wait is deaf, and is mended.

A connection to Redis that is lost in the wrong moment (an acknowledgement, for one) leaves Celery's
consumer waiting for something that never comes, while all else of the process goes on. So whoever
is idle while messages wait for some seconds renews its consumer; if that does not help, it ends,
and its supervisor starts it again.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

import structlog

from infra.errors import ServiceUnavailable
from worker.process import stopping

log = structlog.get_logger()

#: Seconds between two looks.
LOOK_SECONDS: Final = 1.0
#: Seconds of idleness while messages wait after which the consumer is renewed.
RENEW_SECONDS: Final = 6.0
#: Seconds of the same after that, until the process ends.
END_SECONDS: Final = 10.0
#: Seconds that the end in order gets; after that the process ends as it is.
ORDERLY_SECONDS: Final = 20.0
#: Exit status of a process that ended because it took no work (EX_SOFTWARE of sysexits.h).
DEAF_STATUS: Final = 70


class Listener(Protocol):
    """What takes messages in this process."""

    def idle(self) -> bool:
        """Whether nothing is worked, and the process is not about to end."""
        ...

    def taken(self) -> int:
        """Return how many messages were taken since the start."""
        ...

    def children(self) -> list[int]:
        """Return the process ids of those that work."""
        ...

    def renew(self) -> None:
        """Connect anew."""
        ...

    def end(self, status: int) -> None:
        """Let the process end in order, with an exit status."""
        ...


def exit_now(status: int) -> NoReturn:
    """End this process, whatever its other threads do."""
    os._exit(status)


class ConsumerGuard:
    """Looks after a listener from a thread of its own.

    `backlog` returns how many messages wait, and may raise ServiceUnavailable. Only time in which
    some were seen to wait counts, and no more of it than passes between looks: a process that was
    stopped, or a Redis that was away, makes nobody deaf. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        listener: Listener,
        backlog: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
        give_up: Callable[[int], object] = exit_now,
    ) -> None:
        self._listener = listener
        self._backlog = backlog
        self._clock = clock
        self._give_up = give_up
        self._looked = clock()
        self._taken = listener.taken()
        #: Whether messages waited at the last look.
        self._waited = False
        #: Seconds of idleness while messages waited, since one was taken or the consumer renewed.
        self._quiet = 0.0
        #: Whether it was renewed since a message was taken.
        self._renewed = False
        #: Whether the listener takes nothing although messages wait.
        self.deaf = False
        self._ended: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer-guard", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def look(self) -> None:
        """Look once, and do what is due."""
        now = self._clock()
        passed, self._looked = min(now - self._looked, 2 * LOOK_SECONDS), now
        if self._ended is not None:
            if now - self._ended >= ORDERLY_SECONDS:
                log.error("deaf worker does not end in order")
                self._give_up(DEAF_STATUS)
            return
        if self._heard():
            self._quiet, self._waited, self._renewed, self.deaf = 0.0, False, False, False
            return
        waits = self._waits()
        if waits and self._waited:
            self._quiet += passed
        self._waited = waits
        self.deaf &= waits  # a renewed one that nothing waits for may well hear again
        if self._renewed and self._quiet >= END_SECONDS:
            self._end(now)
        elif not self._renewed and self._quiet >= RENEW_SECONDS:
            self._renew()

    def _heard(self) -> bool:
        """Whether the listener works, or has taken something since the last look."""
        before, self._taken = self._taken, self._listener.taken()
        return self._taken != before or not self._listener.idle()

    def _waits(self) -> bool:
        try:
            return self._backlog() > 0
        except ServiceUnavailable:  # nobody could take anything
            return False

    def _renew(self) -> None:
        log.warning("worker takes no messages, consumer renewed")
        self._quiet, self._renewed, self.deaf = 0.0, True, True
        self._listener.renew()

    def _end(self, now: float) -> None:
        self._ended = now
        log.error("worker takes no messages, process ends", status=DEAF_STATUS)
        stopping.tell(self._listener.children())
        self._listener.end(DEAF_STATUS)

    def _run(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # a bug: the next look may go well
                log.error("look at the consumer failed by a bug", exc_info=error)
