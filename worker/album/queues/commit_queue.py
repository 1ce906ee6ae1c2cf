"""Outcomes on their way to the record, and the count of photos that lack one."""

import threading
from collections import deque

from infra.jobs.domain.model import PhotoOutcome


class CommitQueue:
    """Queues outcomes in the order in which they come, and counts to the chunk's end. Thread-safe.

    A photo is open until its outcome is committed or it is deferred to a later round.
    """

    def __init__(self, photos: int) -> None:
        #: Guards the three attributes below.
        self._lock = threading.Lock()
        self._settled: deque[PhotoOutcome] = deque()
        self._uncommitted = photos
        self._deferred: list[int] = []

    @property
    def deferred(self) -> list[int]:
        """Indices of the photos that this round leaves to a later one."""
        with self._lock:
            return list(self._deferred)

    @property
    def open(self) -> bool:
        """Whether some photo is neither committed nor deferred."""
        with self._lock:
            return self._uncommitted > len(self._deferred)

    def put(self, outcome: PhotoOutcome) -> None:
        """Queue an outcome."""
        with self._lock:
            self._settled.append(outcome)

    def take(self) -> list[PhotoOutcome]:
        """Take every outcome that is queued; empty if an earlier step has taken them."""
        with self._lock:
            taken, self._settled = self._settled, deque()
        return list(taken)

    def committed(self, count: int) -> None:
        """Count outcomes that the record has now."""
        with self._lock:
            self._uncommitted -= count

    def defer(self, index: int) -> None:
        """Leave a photo to a later round."""
        with self._lock:
            self._deferred.append(index)
