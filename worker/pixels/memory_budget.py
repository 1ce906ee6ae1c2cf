"""Memory that photos share: large ones wait for each other."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

#: Seconds between looks at whether waiting has become pointless.
LOOKS: Final = 0.25


class Room:
    """So many bytes for all photos at a time. Threads may share it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, needed: int, check: Callable[[], None] = lambda: None) -> "Part":
        """Take so many bytes once they are free; who needs more than all there are goes in alone.

        Who comes first goes in first: a large photo is not passed by small ones for ever. Raises
        what `check` raises, which is called again and again meanwhile.
        """
        with self._changed:
            self._waiting.append(turn := object())
            try:
                while not self._changed.wait_for(lambda: self._open_to(turn, needed), LOOKS):
                    check()
                self._used += needed
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        return Part(self, needed)

    def give_back(self, taken: int) -> None:
        """Free so many bytes."""
        with self._changed:
            self._used -= taken
            self._changed.notify_all()

    def _open_to(self, turn: object, needed: int) -> bool:
        fits = not self._used or self._used + needed <= self._size
        return fits and self._waiting[0] is turn


class Part:
    """What one photo has of a room, until it gives that back."""

    def __init__(self, room: Room, size: int) -> None:
        self._room = room
        self._size = size

    def keep(self, size: int) -> None:
        """Free all but so many bytes."""
        self._room.give_back(max(self._size - size, 0))
        self._size = min(self._size, size)

    def give_back(self) -> None:
        """Free it; from the second time on, nothing."""
        self.keep(0)
