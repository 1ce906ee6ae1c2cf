"""A chunk's window: no photo begins without a slot, and every slot comes back."""

from collections.abc import Sequence

from infra.jobs.domain.model import PhotoEntry
from worker.album.queues.window import Window
from worker.album.stages import Slots


def window(photos: int, slots: Slots, limit: int = 99, freed: list[str] | None = None) -> Window:
    calls = [] if freed is None else freed
    entries = [PhotoEntry(index=n, name=f"{n}.png", key=f"photos/{n}.png") for n in range(photos)]
    return Window(entries, slots=slots, limit=limit, freed=lambda: calls.append("freed"))


def indices(entries: Sequence[PhotoEntry]) -> list[int]:
    return [entry.index for entry in entries]


def free(slots: Slots) -> int:
    """Count the slots that nobody has."""
    count = slots.take(99, lambda: None)
    slots.give_back(count)
    return count


def test_photos_begin_in_their_order_as_slots_allow() -> None:
    slots, freed = Slots(3), list[str]()
    photos = window(5, slots, freed=freed)
    assert indices(photos.admit()) == [0, 1, 2]
    assert photos.admit() == []
    photos.free(1)
    assert freed == ["freed"]
    assert indices(photos.admit()) == [3]
    assert not photos.exhausted


def test_a_chunk_stays_within_its_own_limit_although_slots_are_free() -> None:
    """A solo chunk is worked photo by photo."""
    slots = Slots(3)
    photos = window(2, slots, limit=1)
    assert indices(photos.admit()) == [0]
    assert photos.admit() == []
    photos.free(1)
    assert indices(photos.admit()) == [1]


def test_a_photo_that_replaces_a_settled_one_takes_no_slot_from_other_chunks() -> None:
    slots = Slots(2)
    photos = window(3, slots)
    photos.admit()
    assert indices(photos.replace(2)) == [2]
    assert photos.exhausted
    assert free(slots) == 0
    photos.free(1)
    assert free(slots) == 1
    assert photos.replace(1) == []


def test_closing_gives_every_slot_back_once() -> None:
    slots = Slots(4)
    photos = window(9, slots)
    photos.admit()
    photos.replace(1)
    photos.free(1)
    photos.close()
    photos.close()
    assert free(slots) == 4
