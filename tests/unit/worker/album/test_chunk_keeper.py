"""Commits and what is in flight of one claimed chunk; tests/contract/test_lease_keepers.py says
what holds for every keeper of a lease."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import pytest

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobSpec, PhotoOutcome
from infra.jobs.domain.rules import JobCancelled, StaleLease
from tests.fakes.album import BLEND
from tests.fakes.jobs import Clock
from worker.album.chunk_keeper import ChunkKeeper
from worker.process.lease_keeper import OUTAGE_PATIENCE, Halted, LeaseTiming

#: Seconds after which a test that waits for another thread gives up.
PATIENCE = 10

SPEC = JobSpec(
    id="job", tenant="t", style="s", blend=BLEND, total=3, chunk_photos=3, created=1_800_000_000.0
)
CLAIM = ClaimedChunk(spec=SPEC, number=0, token=7, worker="w", photos=(), solo=False)


class Service:
    """Keeps what it is told; `on_call` may raise, by the call's name."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.in_flight: Collection[int] | None = None
        self.on_call: Callable[[str], None] = lambda _name: None
        self.beaten = threading.Event()
        self.released = threading.Event()

    def report(
        self,
        claim: ClaimedChunk,
        outcomes: Sequence[PhotoOutcome],
        in_flight: Collection[int] | None = None,
    ) -> None:
        if in_flight is None:
            self.on_call("beat")
            self.beaten.set()
            return
        self.calls.append(f"report {[outcome.index for outcome in outcomes]}")
        self.on_call("report")
        self.in_flight = in_flight

    def finish(self, claim: ClaimedChunk) -> None:
        self.calls.append("finish")
        self.on_call("finish")

    def release(self, claim: ClaimedChunk, *, notify: bool = True) -> None:
        self.calls.append("release" if notify else "release quietly")
        self.on_call("release")
        self.released.set()

    def defer(self, claim: ClaimedChunk, photos: Collection[int]) -> None:
        self.calls.append(f"defer {sorted(photos)}")
        self.on_call("defer")


class Desk:
    """A keeper over a recording service, with a clock that the test moves."""

    def __init__(self) -> None:
        self.service = Service()
        self.clock = Clock()
        self.stop = threading.Event()

    @contextmanager
    def keeper(self, *, beats: bool = False, stop_grace: float = 0) -> Iterator[ChunkKeeper]:
        timing = LeaseTiming(
            lease_seconds=20,
            heartbeat_seconds=0.001 if beats else 3600,
            stop_grace=stop_grace,
            first_pause=0.001,
            clock=self.clock,
        )
        keeper = ChunkKeeper(service=self.service, claim=CLAIM, stop=self.stop, timing=timing)
        with keeper:
            yield keeper

    def down_for(self, times: int, seconds: float) -> None:
        """Let the next so many calls fail, each taking some time."""
        left = [times]

        def on_call(_name: str) -> None:
            if left[0]:
                left[0] -= 1
                self.clock.advance(seconds)
                raise ServiceUnavailable("away")

        self.service.on_call = on_call


def test_photos_are_named_before_and_with_each_commit() -> None:
    desk = Desk()
    with desk.keeper() as keeper:
        keeper.admit([0, 1])
        assert desk.service.in_flight == [0, 1]
        keeper.commit([PhotoOutcome(index=0, result="r")], [2])
        assert desk.service.in_flight == [1, 2]
        keeper.commit([PhotoOutcome(index=2, result="r")], [])
        assert desk.service.in_flight == [1]
    assert desk.service.calls == ["report []", "report [0]", "report [2]"]


def test_heart_beats_while_a_photo_is_at_work() -> None:
    desk = Desk()

    def tick(_name: str) -> None:
        desk.clock.advance(1)

    desk.service.on_call = tick
    with desk.keeper(beats=True):
        for _ in range(3):
            desk.clock.advance(1)
            assert desk.service.beaten.wait(PATIENCE)
            desk.service.beaten.clear()


def test_heart_stops_with_the_chunk() -> None:
    desk = Desk()
    with desk.keeper(beats=True) as keeper:
        keeper.finish()
    desk.clock.advance(100)
    desk.service.beaten.clear()
    assert not desk.service.beaten.wait(0.05)
    assert not [t for t in threading.enumerate() if t.name == "heartbeat"]


@pytest.mark.parametrize("error", [StaleLease("gone"), JobCancelled("asked")])
def test_heartbeat_learns_that_the_chunk_is_lost(error: Exception) -> None:
    desk = Desk()

    def on_call(name: str) -> None:
        if name == "beat":
            raise error

    desk.service.on_call = on_call
    with desk.keeper(beats=True) as keeper:
        desk.clock.advance(1)
        assert wait_until(lambda: keeper.halted)
        with pytest.raises(Halted):
            keeper.commit([PhotoOutcome(index=0, result="r")], [])
        assert desk.service.calls == []


def test_refused_commit_halts_everything_after_it() -> None:
    desk = Desk()

    def on_call(name: str) -> None:
        if name != "release":
            raise StaleLease("gone")

    desk.service.on_call = on_call
    with desk.keeper() as keeper:
        with pytest.raises(Halted):
            keeper.admit([0])
        with pytest.raises(Halted):
            keeper.persist(lambda: pytest.fail("nothing may be done any more"))
        with pytest.raises(Halted):
            keeper.finish()
        keeper.release()
        assert desk.service.calls == ["report []"]


def test_worker_that_outlived_its_lease_says_so_once_it_is_heard() -> None:
    """The sweeper took it for dead; the photos must not be blamed for that."""
    desk = Desk()

    def on_call(name: str) -> None:
        raise StaleLease("gone") if name == "report" else ServiceUnavailable("away")

    desk.service.on_call = on_call
    with desk.keeper() as keeper:
        with pytest.raises(Halted):
            keeper.admit([0])
        desk.down_for(times=3, seconds=5)
    assert desk.service.calls == ["report []"] + ["release"] * 4


def test_worker_that_is_to_end_waits_for_no_server() -> None:
    """It gives the chunk back at once, and once more where nobody heard it."""
    desk = Desk()
    desk.down_for(times=100, seconds=6)
    desk.stop.set()
    with desk.keeper() as keeper, pytest.raises(Halted):
        keeper.admit([0])
    assert desk.service.calls == ["report []"] + ["release quietly"] * 2


def test_commit_is_repeated_through_an_outage() -> None:
    desk = Desk()
    desk.down_for(times=3, seconds=5)
    with desk.keeper() as keeper:
        keeper.commit([PhotoOutcome(index=0, result="r")], [1])
    assert desk.service.calls == ["report [0]"] * 4
    assert desk.service.in_flight == [1]


def test_outage_longer_than_the_lease_leaves_the_chunk() -> None:
    desk = Desk()
    desk.down_for(times=100, seconds=6)
    with desk.keeper() as keeper:
        with pytest.raises(Halted):
            keeper.admit([0])
        assert keeper.halted
        assert desk.service.calls == ["report []"] * 4
        desk.down_for(times=0, seconds=0)
    assert desk.service.calls == ["report []"] * 4 + ["release"]


def test_each_report_makes_the_lease_live_longer() -> None:
    desk = Desk()
    with desk.keeper() as keeper:
        for number in range(5):
            desk.clock.advance(15)
            desk.down_for(times=2, seconds=1)
            keeper.commit([PhotoOutcome(index=number, result="r")], [])
    assert len(desk.service.calls) == 15


def test_photos_unreadable_for_long_give_the_chunk_back_although_the_heart_beats() -> None:
    """The bucket may refuse this job's photos alone; other jobs must not wait for it."""
    desk = Desk()

    def action() -> None:
        desk.clock.advance(OUTAGE_PATIENCE / 6)
        keeper.admit([0])  # the lease itself is well
        raise ServiceUnavailable("refused")

    with desk.keeper() as keeper, pytest.raises(Halted):
        keeper.persist(action)
    assert desk.service.calls == ["report []"] * 7 + ["release quietly"]


def test_other_errors_are_the_callers() -> None:
    def action() -> None:
        raise ZeroDivisionError

    with Desk().keeper() as keeper:
        with pytest.raises(ZeroDivisionError):
            keeper.persist(action)
        assert not keeper.halted


def test_stop_gives_the_chunk_back_when_a_photo_takes_too_long() -> None:
    desk = Desk()
    with desk.keeper(stop_grace=7) as keeper:
        desk.stop.set()
        # The caller's thread is in a photo and sees nothing of this.
        assert not desk.service.released.wait(0.8)
        desk.clock.advance(7)
        assert desk.service.released.wait(PATIENCE)
        with pytest.raises(Halted):
            keeper.check()


def test_chunk_that_nobody_can_be_told_about_is_left_to_its_lease() -> None:
    desk = Desk()
    desk.down_for(times=1, seconds=0)
    with desk.keeper() as keeper:
        keeper.release()
        assert keeper.halted


def wait_until(true: Callable[[], bool]) -> bool:
    """Wait for another thread to make something true."""
    for _ in range(PATIENCE * 1000):
        if true():
            return True
        threading.Event().wait(0.001)
    return False
