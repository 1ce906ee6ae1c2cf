"""Decoded photos come out in batches of one size, and their memory is released once."""

import numpy as np

from infra.jobs.domain.model import PhotoEntry
from worker.album.photo_steps import PreparedPhoto
from worker.album.queues.batch_queue import BatchQueue
from worker.pixels import Photo
from worker.pixels.memory_budget import MemoryBudget


class RecordedBudget(MemoryBudget):
    """A memory budget that records what is reserved."""

    def __init__(self) -> None:
        super().__init__(1000)
        self.used = 0

    def release(self, size: int) -> None:
        self.used -= size
        super().release(size)


def prepared(index: int, width: int, budget: RecordedBudget) -> PreparedPhoto:
    budget.used += 10
    return PreparedPhoto(
        entry=PhotoEntry(index=index, name=f"{index}.png", key=f"photos/{index}.png"),
        digest="d",
        photo=Photo(rgb=np.zeros((4, width, 3), np.uint8), alpha=None, format="PNG"),
        reservation=budget.reserve(10),
        seconds=0.0,
    )


def taken(queue: BatchQueue, limit: int) -> list[int]:
    return [photo.entry.index for photo in queue.take(limit)]


def test_a_batch_is_the_first_photo_and_others_of_its_size_in_their_order() -> None:
    queue, budget = BatchQueue(), RecordedBudget()
    for index, width in enumerate([8, 6, 8, 8, 6]):
        queue.put(prepared(index, width, budget))
    assert taken(queue, 2) == [0, 2]
    assert taken(queue, 2) == [1, 4]
    assert taken(queue, 2) == [3]
    assert taken(queue, 2) == []


def test_a_photo_keeps_its_memory_on_the_device_and_releases_it_once() -> None:
    queue, budget = BatchQueue(), RecordedBudget()
    queue.put(prepared(0, 8, budget))
    queue.take(1)
    assert budget.used == 10
    queue.release(0)
    queue.release(0)
    queue.release(1)  # a photo that was never decoded
    assert budget.used == 0


def test_closing_releases_the_memory_of_photos_that_were_abandoned() -> None:
    queue, budget = BatchQueue(), RecordedBudget()
    for index in range(3):
        queue.put(prepared(index, 8, budget))
    queue.take(1)
    queue.release(2)
    queue.close()
    assert budget.used == 0
