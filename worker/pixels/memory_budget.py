"""The memory budget that all photos in progress share: large photos wait for each other."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

#: Seconds between two calls of `check` while a reservation waits.
CHECK_SECONDS: Final = 0.25


class MemoryBudget:
    """`size` bytes for all photos in progress. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def reserve(self, needed: int, check: Callable[[], None] = lambda: None) -> "Reservation":
        """Reserve `needed` bytes, waiting until they are free.

        A photo that needs more than the whole budget is let in alone. Order is first come, first
        served: small photos do not overtake a large one for ever. While it waits, `check` is called
        again and again; raises what that raises.
        """
        with self._changed:
            self._waiting.append(turn := object())
            try:
                while not self._changed.wait_for(lambda: self._admits(turn, needed), CHECK_SECONDS):
                    check()
                self._used += needed
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        return Reservation(self, needed)

    def release(self, size: int) -> None:
        """Free `size` bytes."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()

    def _admits(self, turn: object, needed: int) -> bool:
        fits = not self._used or self._used + needed <= self._size
        return fits and self._waiting[0] is turn


class Reservation:
    """One photo's share of a memory budget."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        self._budget = budget
        self._size = size

    def shrink(self, size: int) -> None:
        """Free all but `size` bytes; a smaller reservation stays as it is."""
        self._budget.release(max(self._size - size, 0))
        self._size = min(self._size, size)

    def release(self) -> None:
        """Free all of it; safe to repeat."""
        self.shrink(0)
