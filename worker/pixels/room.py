"""Memory that photos share while they are decoded: large ones wait for each other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """So many bytes for all photos that are decoded at a time. Threads may share it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._changed = threading.Condition()
        self._door = threading.Lock()

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        """Have so many bytes for a while, once they are free; one that needs more than all, alone.

        Who comes first goes in first: a large photo is not passed by small ones for ever.
        """
        with self._door, self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + needed <= self._size)
            self._used += needed
        try:
            yield
        finally:
            with self._changed:
                self._used -= needed
                self._changed.notify_all()
