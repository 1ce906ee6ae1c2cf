"""The consumer guard alone: over a consumer that takes nothing, and over some that do well."""

import pytest

from infra.errors import ServiceUnavailable
from tests.fakes.jobs import Clock
from worker.process.consumer_guard import (
    DEAF_STATUS,
    END_SECONDS,
    LOOK_SECONDS,
    ORDERLY_SECONDS,
    RENEW_SECONDS,
    ConsumerGuard,
)


class Listener:
    """A consumer that takes nothing unless it is told to."""

    def __init__(self) -> None:
        self.works = False
        self.count = 0
        self.said: list[str] = []
        #: Whether Redis answers it when it asks for messages.
        self.listens = False
        self.answered = 0
        #: Whether a renewal mends it.
        self.mendable = False

    def idle(self) -> bool:
        return not self.works

    def taken(self) -> int:
        return self.count

    def answers(self) -> int:
        self.answered += self.listens
        return self.answered

    def children(self) -> list[int]:
        return []

    def renew(self) -> None:
        self.said.append("renew")
        self.listens |= self.mendable
        self.count += self.mendable

    def end(self, status: int) -> None:
        self.said.append(f"end {status}")


class World:
    """A guard over a listener, with a clock and a queue of this test."""

    def __init__(self) -> None:
        self.listener = Listener()
        self.clock = Clock()
        self.waiting = 1
        self.away = False
        self.guard = ConsumerGuard(
            self.listener,
            self.backlog,
            clock=self.clock,
            give_up=lambda status: self.listener.said.append(f"exit {status}"),
        )

    def backlog(self) -> int:
        if self.away:
            raise ServiceUnavailable("Redis is away (in this test).")
        return self.waiting

    def pass_by(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_SECONDS)):
            self.clock.advance(LOOK_SECONDS)
            self.guard.look()


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(("listens", "waiting"), [(False, 0), (False, 1), (True, 1)])
def test_consumer_that_takes_nothing_is_renewed_within_seconds(
    world: World, listens: bool, waiting: int
) -> None:
    """Nothing waits for it where another worker takes each message at once."""
    world.listener.listens, world.waiting = listens, waiting
    world.pass_by(RENEW_SECONDS - LOOK_SECONDS)
    assert world.listener.said == []
    assert not world.guard.deaf
    world.pass_by(2 * LOOK_SECONDS)
    assert world.listener.said == ["renew"]
    assert world.guard.deaf


@pytest.mark.parametrize(("listens", "waiting"), [(False, 0), (False, 1), (True, 1)])
def test_process_ends_for_its_supervisor_where_that_does_not_help(
    world: World, listens: bool, waiting: int
) -> None:
    """Within half a minute, be it in order or not, so that another has as much time to start."""
    world.listener.listens, world.waiting = listens, waiting
    world.pass_by(RENEW_SECONDS + END_SECONDS + LOOK_SECONDS)
    assert world.listener.said == ["renew", f"end {DEAF_STATUS}"]
    assert RENEW_SECONDS + END_SECONDS + ORDERLY_SECONDS <= 30


def test_consumer_is_renewed_and_process_does_not_end_while_redis_is_away(world: World) -> None:
    world.away = True
    world.pass_by(100)
    assert world.listener.said == ["renew"]
    assert world.guard.deaf
    world.away = False
    world.listener.listens = True
    world.pass_by(LOOK_SECONDS)
    world.waiting = 0
    world.pass_by(LOOK_SECONDS)
    assert not world.guard.deaf


def test_process_that_does_not_end_in_order_ends_as_it_is(world: World) -> None:
    world.pass_by(RENEW_SECONDS + END_SECONDS + ORDERLY_SECONDS + 3 * LOOK_SECONDS)
    assert world.listener.said[:3] == ["renew", f"end {DEAF_STATUS}", f"exit {DEAF_STATUS}"]


def test_consumer_that_takes_again_after_its_renewal_is_well(world: World) -> None:
    world.listener.mendable = True
    world.pass_by(RENEW_SECONDS)
    assert world.guard.deaf
    world.pass_by(LOOK_SECONDS)
    assert not world.guard.deaf
    assert world.listener.said == ["renew"]


def test_renewal_is_not_the_last_one(world: World) -> None:
    world.listener.mendable = True
    for _ in range(4):
        world.listener.listens = False
        world.pass_by(RENEW_SECONDS + LOOK_SECONDS)
    assert world.listener.said == ["renew"] * 4


@pytest.mark.parametrize("state", ["works", "no work"])
def test_worker_without_work_to_take_is_left_alone(world: World, state: str) -> None:
    world.listener.works = state == "works"
    world.listener.listens = state == "no work"
    world.waiting = 0 if state == "no work" else 1
    world.pass_by(100)
    assert world.listener.said == []
    assert not world.guard.deaf


def test_worker_that_takes_short_tasks_between_looks_is_left_alone(world: World) -> None:
    for _ in range(30):
        world.listener.count += 1
        world.pass_by(3 * LOOK_SECONDS)
    assert world.listener.said == []


def test_one_answer_in_some_seconds_is_enough(world: World) -> None:
    """An idle consumer asks again only when its event loop comes to it."""
    world.waiting = 0
    for _ in range(30):
        world.pass_by(RENEW_SECONDS - 2 * LOOK_SECONDS)
        world.listener.answered += 1
        world.pass_by(LOOK_SECONDS)
    assert world.listener.said == []


def test_worker_that_was_stopped_for_minutes_is_not_deaf(world: World) -> None:
    """It had no chance to take anything."""
    world.pass_by(LOOK_SECONDS)
    world.clock.advance(600)
    world.guard.look()
    assert world.listener.said == []


def test_looks_that_wait_for_redis_count(world: World) -> None:
    for _ in range(2):
        world.clock.advance(RENEW_SECONDS / 2)
        world.guard.look()
    assert world.listener.said == ["renew"]


def test_deaf_worker_is_found_out_although_another_empties_the_queue(world: World) -> None:
    """Messages wait for it again and again, and it asks for them and takes none."""
    world.listener.listens = True
    for _ in range(int(RENEW_SECONDS)):
        world.waiting = 1
        world.pass_by(2 * LOOK_SECONDS)
        world.waiting = 0
        world.pass_by(LOOK_SECONDS)
    assert world.listener.said == ["renew"]
    assert not world.guard.deaf  # nothing waits now, and it was renewed


def test_queue_that_never_waits_at_two_looks_makes_nobody_deaf(world: World) -> None:
    world.listener.listens = True
    for waiting in (1, 0) * 50:
        world.waiting = waiting
        world.pass_by(LOOK_SECONDS)
    assert world.listener.said == []
