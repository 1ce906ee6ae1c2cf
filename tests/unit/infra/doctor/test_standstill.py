"""A job that nobody begins is found, although sweeps send its message again and again."""

from collections.abc import Sequence
from typing import cast

from infra.doctor.job_checks import JobChecks
from infra.doctor.standstill import MESSAGES, Standstill
from infra.jobs.domain import rules
from infra.redis.worker_registry import WorkerRegistry
from tests.fakes.service import TENANT, FakeDeployment
from tests.fakes.trainings import draft

PATIENCE = 30.0


def seen(world: FakeDeployment) -> Standstill:
    """Look at every open job."""
    standstill = Standstill()
    for job in world.records.open_jobs():
        record = world.records.peek(job)
        assert record
        standstill.see(record)
    return standstill


def lie(world: FakeDeployment) -> None:
    """Lose message after message, while sweeps send others, until it is too long."""
    for _ in range(MESSAGES):
        lose_messages(world)
        world.clock.advance(PATIENCE)
        assert world.jobs.sweep.run().notified
    lose_messages(world)


def lose_messages(world: FakeDeployment) -> None:
    """Let somebody take every message."""
    world.notifier.messages.clear()
    world.notifier.training_messages.clear()


def found(world: FakeDeployment) -> list[tuple[str, float]]:
    return seen(world).jobs(world.clock(), PATIENCE)


def test_job_that_nobody_begins_is_found_behind_all_messages() -> None:
    world = FakeDeployment(ring_patience_seconds=PATIENCE)
    begun = world.clock()
    job = world.submit(3).id
    lie(world)
    record = world.records.peek(job)
    assert record
    assert not rules.stuck(record, world.clock(), PATIENCE, PATIENCE), "each chunk moves"
    assert found(world) == [(job, begun)]


def test_job_that_came_a_moment_ago_waits_its_turn() -> None:
    world = FakeDeployment(ring_patience_seconds=PATIENCE)
    old = world.submit(3).id
    lie(world)
    world.submit(3)
    assert [job for job, _ in found(world)] == [old]


def test_jobs_behind_one_that_is_worked_wait_their_turn() -> None:
    world = FakeDeployment(ring_patience_seconds=PATIENCE)
    slow = world.submit(3).id
    claim = world.claim(slow, 0)
    world.submit(3)
    for _ in range(MESSAGES):
        world.clock.advance(PATIENCE)
        world.jobs.chunks.report(claim, [])
    assert found(world) == []


def test_cancelled_job_waits_for_nobody() -> None:
    world = FakeDeployment(ring_patience_seconds=PATIENCE)
    job = world.submit(3).id
    lie(world)
    world.jobs.cancellation.cancel(job, TENANT)
    assert found(world) == []


class Staff:
    """Workers or trainers that say that they are alive."""

    def __init__(self, *names: str, deaf: Sequence[str] = ()) -> None:
        self._names = [*names, *deaf]
        self._deaf = list(deaf)

    def alive(self) -> list[str]:
        return self._names

    def deaf(self) -> list[str]:
        return self._deaf


def checks(world: FakeDeployment, workers: Staff, trainers: Staff) -> list[str]:
    """Return what the doctor finds of jobs."""
    doctor = JobChecks(
        objects=world.objects,
        records=world.records,
        sweep=world.jobs.sweep,
        workers=cast("WorkerRegistry", workers),
        trainers=cast("WorkerRegistry", trainers),
        settings=world.settings,
        clock=world.clock,
    )
    return [finding.check for finding in doctor.run()]


def test_doctor_names_jobs_that_those_who_are_there_do_not_begin() -> None:
    """Where nobody is there, that is what it says instead."""
    world = FakeDeployment(ring_patience_seconds=PATIENCE)
    world.submit(3)
    world.jobs.submission.submit_training(draft(world.jobs.submission.new_job_id()))
    lie(world)
    assert checks(world, Staff("w"), Staff("t")) == ["job-unbegun", "job-unbegun"]
    assert checks(world, Staff(), Staff("t")) == ["no-worker", "job-unbegun"]
    assert checks(world, Staff("v", deaf=["w"]), Staff("t")) == [
        "worker-deaf",
        *["job-unbegun"] * 2,
    ]
    assert checks(world, Staff("w"), Staff()) == ["job-unbegun", "no-trainer"]
