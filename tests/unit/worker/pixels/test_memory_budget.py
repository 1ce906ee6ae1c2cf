"""Photos that are decoded at a time share a budget of bytes."""

import threading

import pytest

from worker.pixels.memory_budget import MemoryBudget

#: Seconds after which a test gives up, and in which nothing may happen.
PATIENCE, MOMENT = 30.0, 0.2


class Holder(threading.Thread):
    """Makes a reservation and keeps it until `leave` is set."""

    def __init__(self, budget: MemoryBudget, needed: int) -> None:
        super().__init__(daemon=True)
        self._budget, self._needed = budget, needed
        self.inside, self.leave = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        reservation = self._budget.reserve(self._needed)
        self.inside.set()
        self.leave.wait(PATIENCE)
        reservation.release()


def test_small_ones_go_together_and_what_is_too_much_waits() -> None:
    budget = MemoryBudget(10)
    first, second = Holder(budget, 4), Holder(budget, 6)
    assert first.inside.wait(PATIENCE)
    assert second.inside.wait(PATIENCE)
    third = Holder(budget, 1)
    assert not third.inside.wait(MOMENT)
    first.leave.set()
    assert third.inside.wait(PATIENCE)


def test_one_that_needs_more_than_all_goes_alone_and_is_not_passed_by() -> None:
    budget = MemoryBudget(10)
    small = Holder(budget, 4)
    assert small.inside.wait(PATIENCE)
    large = Holder(budget, 11)
    assert not large.inside.wait(MOMENT)
    later = Holder(budget, 4)
    assert not later.inside.wait(MOMENT)
    small.leave.set()
    assert large.inside.wait(PATIENCE)
    assert not later.inside.wait(MOMENT)
    large.leave.set()
    assert later.inside.wait(PATIENCE)


def test_a_reservation_may_shrink_and_is_released_once() -> None:
    budget = MemoryBudget(10)
    reservation = budget.reserve(8)
    reservation.shrink(3)
    reservation.shrink(5)
    second = Holder(budget, 7)
    assert second.inside.wait(PATIENCE)
    reservation.release()
    reservation.release()
    third = Holder(budget, 4)
    assert not third.inside.wait(MOMENT)
    second.leave.set()
    assert third.inside.wait(PATIENCE)


def test_who_gives_up_waiting_stands_in_nobodys_way() -> None:
    class Enough(Exception):
        pass

    def check() -> None:
        raise Enough

    budget = MemoryBudget(10)
    first = budget.reserve(6)
    with pytest.raises(Enough):
        budget.reserve(5, check)
    budget.reserve(4)
    first.release()
    budget.reserve(6)
