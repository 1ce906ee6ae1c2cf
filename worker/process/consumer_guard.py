"""The consumer guard: an idle worker that does not listen to its queues is deaf, and is mended.

A connection to Redis that is lost in the wrong moment leaves Celery's consumer waiting for
something that never comes, while all else of the process goes on. One that listens asks Redis for
messages all the time, and is answered every second, be it that there are none. So whoever is idle
and gets no such answer for some seconds renews its consumer; and so does who takes nothing although
messages wait. If that does not help, although Redis answers this guard, the process ends, and its
supervisor starts it again.

That messages wait is no sign to rely on: a worker beside it may take each of them at once.
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
#: Seconds between two looks that count at most: one may wait for Redis.
LONGEST_LOOK: Final = 4.0
#: Seconds in which an idle one is not answered, or takes nothing of what waits, after which its
#: consumer is renewed.
RENEW_SECONDS: Final = 6.0
#: Seconds of the same after that, until the process ends; a renewal can take some of them.
END_SECONDS: Final = 10.0
#: Seconds that the end in order gets; after that the process ends as it is.
ORDERLY_SECONDS: Final = 12.0
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

    def answers(self) -> int:
        """Return how often Redis has answered since the start when it was asked for messages."""
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


class _Doubt:
    """Seconds for which something spoke against the consumer, and whether it was renewed since."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing speaks against it any more."""
        self.seconds = 0.0
        self.renewed = False

    def renew(self) -> None:
        """Begin to count anew with a renewed consumer."""
        self.seconds = 0.0
        self.renewed = True


class ConsumerGuard:
    """Looks after a listener from a thread of its own.

    `backlog` returns how many messages wait, and may raise ServiceUnavailable: the process does not
    end for time in which it does, as nobody could take anything. No more time counts than passes
    between looks, so that one that was stopped is not deaf. `clock` is monotonic, in seconds.
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
        self._answers = listener.answers()
        #: Whether messages waited at the last look.
        self._waited = False
        #: Idle, and not answered.
        self._unanswered = _Doubt()
        #: Idle while messages waited, since the last one was taken.
        self._untaken = _Doubt()
        self._ended: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer-guard", daemon=True)

    @property
    def deaf(self) -> bool:
        """Whether the listener was renewed and has not been seen to listen since."""
        return self._unanswered.renewed or (self._untaken.renewed and self._waited)

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
        passed, self._looked = min(now - self._looked, LONGEST_LOOK), now
        if self._ended is not None:
            if now - self._ended >= ORDERLY_SECONDS:
                log.error("deaf worker does not end in order")
                self._give_up(DEAF_STATUS)
            return
        answered = self._was_answered()
        if self._works():
            self._waited = False
            self._unanswered.clear()
            self._untaken.clear()
            return
        waits = self._waits()
        if answered:
            self._unanswered.clear()
        elif waits is not None or not self._unanswered.renewed:
            self._unanswered.seconds += passed
        if waits and self._waited:
            self._untaken.seconds += passed
        self._waited = bool(waits)
        self._act(now)

    def _act(self, now: float) -> None:
        doubts = (self._unanswered, self._untaken)
        if any(doubt.renewed and doubt.seconds >= END_SECONDS for doubt in doubts):
            self._end(now)
        elif any(not doubt.renewed and doubt.seconds >= RENEW_SECONDS for doubt in doubts):
            log.warning("worker takes no messages, consumer renewed")
            for doubt in doubts:
                doubt.renew()
            self._listener.renew()

    def _was_answered(self) -> bool:
        before, self._answers = self._answers, self._listener.answers()
        return self._answers != before

    def _works(self) -> bool:
        """Whether the listener works, or has taken something since the last look."""
        before, self._taken = self._taken, self._listener.taken()
        return self._taken != before or not self._listener.idle()

    def _waits(self) -> bool | None:
        """Whether messages wait; None where Redis is away, and nobody could take any."""
        try:
            return self._backlog() > 0
        except ServiceUnavailable:
            return None

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
