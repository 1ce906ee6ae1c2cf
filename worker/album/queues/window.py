"""A chunk's window: the photos that wait, and the process's slots that the chunk occupies."""

import threading
from collections import deque
from collections.abc import Callable, Iterable

from infra.jobs.domain.model import PhotoEntry
from worker.album.stages import Slots


class Window:
    """Lets a chunk's photos in, in their order, each with a slot of the process. Thread-safe.

    At most `limit` photos of the chunk are in progress at a time. `freed` is called when slots that
    this chunk lacked may be free.
    """

    def __init__(
        self,
        entries: Iterable[PhotoEntry],
        *,
        slots: Slots,
        limit: int,
        freed: Callable[[], None],
    ) -> None:
        self._slots = slots
        self._limit = limit
        self._freed = freed
        #: Guards the two attributes below.
        self._lock = threading.Lock()
        self._waiting = deque(entries)
        self._occupied = 0

    @property
    def exhausted(self) -> bool:
        """Whether no photo waits any more."""
        return not self._waiting

    def admit(self) -> list[PhotoEntry]:
        """Return the photos that may begin now; each occupies a slot."""
        with self._lock:
            wanted = min(self._limit - self._occupied, len(self._waiting))
            taken = self._slots.take(wanted, self._freed) if wanted > 0 else 0
            self._occupied += taken
            return [self._waiting.popleft() for _ in range(taken)]

    def replace(self, count: int) -> list[PhotoEntry]:
        """Return up to `count` photos that take over the slots of as many settled ones."""
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def free(self, count: int) -> None:
        """Give back `count` slots, for this chunk or another."""
        with self._lock:
            self._occupied -= count
        self._slots.give_back(count)

    def close(self) -> None:
        """Give back every slot, once nothing of the chunk is in progress."""
        with self._lock:
            occupied, self._occupied = self._occupied, 0
        self._slots.give_back(occupied)
