"""The sweeping thread: its pace, and that it outlives whatever happens."""

import threading

from infra.errors import ServiceUnavailable
from infra.jobs.domain import rules
from infra.jobs.domain.model import JobRecord
from infra.jobs.maintenance.sweep import SWEEP_JOBS
from infra.jobs.maintenance.sweeper import Sweeper
from tests.fakes.service import TENANT, FakeDeployment


def sweeper(world: FakeDeployment, turn: bool = True, seconds: float = 60.0) -> Sweeper:
    return Sweeper(sweeps=[world.jobs.sweep], take_turn=lambda _: turn, seconds=seconds)


def test_step_sweeps_when_it_is_its_turn() -> None:
    world = FakeDeployment()
    job = world.submit(3).id
    world.records.flush()
    sweeper(world, turn=False).step()
    assert not world.records.opened
    sweeper(world).step()
    assert world.records.open_jobs() == [job]


def test_outage_does_not_end_the_sweeper() -> None:
    world = FakeDeployment()
    job = world.submit(3).id
    world.records.flush()
    world.objects.down = True
    once = sweeper(world)
    once.step()
    world.objects.down = False
    once.step()
    assert world.jobs.queries.get(job, TENANT).total == 3


def test_bug_does_not_end_the_sweeper() -> None:
    def broken(_: float) -> bool:
        raise RuntimeError("a bug")

    world = FakeDeployment()
    Sweeper(sweeps=[world.jobs.sweep], take_turn=broken, seconds=60).step()


def test_sweep_that_fails_takes_no_other_with_it() -> None:
    class Broken:
        def run(self) -> None:
            raise RuntimeError("a bug")

    world = FakeDeployment()
    job = world.submit(3).id
    world.records.flush()
    Sweeper(sweeps=[Broken(), world.jobs.sweep], take_turn=lambda _: True, seconds=60).step()
    assert world.records.open_jobs() == [job]


def test_turn_is_shorter_than_the_period() -> None:
    """Otherwise a lone sweeper would skip every second sweep."""
    asked: list[float] = []

    def take(seconds: float) -> bool:
        asked.append(seconds)
        raise ServiceUnavailable("away")

    Sweeper(sweeps=[FakeDeployment().jobs.sweep], take_turn=take, seconds=3.0).step()
    assert 0 < asked[0] < 3.0


def test_thread_sweeps_until_it_is_stopped() -> None:
    swept = threading.Event()

    def take(_: float) -> bool:
        swept.set()
        return False

    running = Sweeper(sweeps=[FakeDeployment().jobs.sweep], take_turn=take, seconds=0.01)
    running.start()
    assert swept.wait(10)
    running.stop()
    assert not any(thread.name == "sweeper" for thread in threading.enumerate())


def test_jobs_of_a_flood_take_turns_and_none_is_left_out() -> None:
    world = FakeDeployment()
    spec = world.claim(world.submit(1).id, 0).spec
    world.records.flush()
    world.notifier.messages.clear()
    for number in range(SWEEP_JOBS + 50):
        own = spec.model_copy(update={"id": f"{number:026d}"})
        world.records.create(rules.offer(JobRecord(spec=own), world.clock(), window=1)[0])
    world.records.remember()
    world.objects.objects.clear()
    world.clock.advance(world.settings.ring_patience_seconds + 1)
    assert world.jobs.sweep.run().notified == SWEEP_JOBS
    world.notifier.messages.clear()
    assert world.jobs.sweep.run().notified == 50
