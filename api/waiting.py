"""Answers that are held until something has happened, in a bounded number of threads."""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Seconds that an answer is held at most.
LONGEST_SECONDS: Final = 30
#: Threads that may hold an answer; the server's others go on answering meanwhile.
THREADS: Final = 6
#: Seconds between two looks.
PAUSE_SECONDS: Final = 0.1


class HeldAnswers:
    """Holds answers. Thread-safe; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        *,
        threads: int = THREADS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = threading.Semaphore(threads)
        self._sleep = sleep
        self._clock = clock

    def hold(
        self, first: T, look: Callable[[], T], *, ended: Callable[[T], bool], seconds: float
    ) -> T:
        """Return what `look` finds once that has `ended`, or when the time is over.

        `first` is what is known now, and returned at once where too many wait already.
        """
        found = first
        if seconds <= 0 or ended(found) or not self._free.acquire(blocking=False):
            return found
        try:
            until = self._clock() + min(seconds, LONGEST_SECONDS)
            while not ended(found) and self._clock() < until:
                self._sleep(PAUSE_SECONDS)
                found = look()
        finally:
            self._free.release()
        return found


def preferred_wait(prefer: str | None) -> int:
    """Return the seconds that a Prefer header (RFC 7240) asks to wait, 0 where it asks nothing.

    Preferences that nobody knows are none; so is one that cannot be read.
    """
    for preference in (prefer or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        digits = value.strip().strip('"')
        if name.strip().lower() == "wait" and digits.isascii() and digits.isdecimal():
            return min(int(digits[:9]), LONGEST_SECONDS)
    return 0
