"""Photos that are decoded at a time share so many bytes."""

import threading

import pytest

from worker.pixels.memory_budget import Room

#: Seconds after which a test gives up, and in which nothing may happen.
PATIENCE, MOMENT = 30.0, 0.2


class Taker(threading.Thread):
    """Takes its part and keeps it until it is told to leave."""

    def __init__(self, room: Room, needed: int) -> None:
        super().__init__(daemon=True)
        self._room, self._needed = room, needed
        self.inside, self.leave = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        part = self._room.take(self._needed)
        self.inside.set()
        self.leave.wait(PATIENCE)
        part.give_back()


def test_small_ones_go_together_and_what_is_too_much_waits() -> None:
    room = Room(10)
    first, second = Taker(room, 4), Taker(room, 6)
    assert first.inside.wait(PATIENCE)
    assert second.inside.wait(PATIENCE)
    third = Taker(room, 1)
    assert not third.inside.wait(MOMENT)
    first.leave.set()
    assert third.inside.wait(PATIENCE)


def test_one_that_needs_more_than_all_goes_alone_and_is_not_passed_by() -> None:
    room = Room(10)
    small = Taker(room, 4)
    assert small.inside.wait(PATIENCE)
    large = Taker(room, 11)
    assert not large.inside.wait(MOMENT)
    later = Taker(room, 4)
    assert not later.inside.wait(MOMENT)
    small.leave.set()
    assert large.inside.wait(PATIENCE)
    assert not later.inside.wait(MOMENT)
    large.leave.set()
    assert later.inside.wait(PATIENCE)


def test_a_part_may_become_smaller_and_is_given_back_once() -> None:
    room = Room(10)
    part = room.take(8)
    part.keep(3)
    part.keep(5)
    second = Taker(room, 7)
    assert second.inside.wait(PATIENCE)
    part.give_back()
    part.give_back()
    third = Taker(room, 4)
    assert not third.inside.wait(MOMENT)
    second.leave.set()
    assert third.inside.wait(PATIENCE)


def test_who_gives_up_waiting_stands_in_nobodys_way() -> None:
    class Enough(Exception):
        pass

    def check() -> None:
        raise Enough

    room = Room(10)
    first = room.take(6)
    with pytest.raises(Enough):
        room.take(5, check)
    room.take(4)
    first.give_back()
    room.take(6)
