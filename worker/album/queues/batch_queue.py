"""Decoded photos on their way to the device, in batches of one size."""

import threading
from collections import deque

from worker.album.photo_steps import PreparedPhoto
from worker.pixels.memory_budget import Reservation


class BatchQueue:
    """Queues decoded photos, and holds their memory until each has its outcome. Thread-safe."""

    def __init__(self) -> None:
        #: Guards the two attributes below.
        self._lock = threading.Lock()
        self._ready: deque[PreparedPhoto] = deque()
        #: By the photos' indices; also those of photos that have left the queue.
        self._reservations: dict[int, Reservation] = {}

    def put(self, prepared: PreparedPhoto) -> None:
        """Queue a photo for the device."""
        with self._lock:
            self._reservations[prepared.entry.index] = prepared.reservation
            self._ready.append(prepared)

    def take(self, limit: int) -> list[PreparedPhoto]:
        """Take the first photo, and others of exactly its size, up to `limit`; empty if none waits.

        The photos of other sizes keep their order.
        """
        batch: list[PreparedPhoto] = []
        others: deque[PreparedPhoto] = deque()
        with self._lock:
            for prepared in self._ready:
                alike = not batch or prepared.photo.rgb.shape == batch[0].photo.rgb.shape
                (batch if alike and len(batch) < limit else others).append(prepared)
            self._ready = others
        return batch

    def release(self, index: int) -> None:
        """Release the memory of a photo that has its outcome, if it had any."""
        with self._lock:
            reservation = self._reservations.pop(index, None)
        if reservation:
            reservation.release()

    def close(self) -> None:
        """Release the memory of every photo, once nothing of the chunk is in progress."""
        with self._lock:
            left, self._reservations = self._reservations, {}
        for reservation in left.values():
            reservation.release()
