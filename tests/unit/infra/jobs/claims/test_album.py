"""Chunks of an album: claimed, reported, handed in, given back."""

import pytest

from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import JobState
from infra.jobs.domain.rules import StaleLease
from tests.fakes.service import TENANT, FakeDeployment, done


def test_message_that_comes_twice_does_the_work_once(world: FakeDeployment) -> None:
    job = world.submit(3).id
    claim = world.claim(job, 0)
    assert world.jobs.chunks.claim(job, 0, "w2") is None
    world.work(claim)
    assert world.jobs.chunks.claim(job, 0, "w2") is None
    assert world.jobs.queries.get(job, TENANT).done == 3


@pytest.mark.parametrize("message", [("no-such-job", 0), ("0" * 26, 0), ("", -1)])
def test_garbage_on_the_queue_is_nothing_to_do(
    world: FakeDeployment, message: tuple[str, int]
) -> None:
    assert world.jobs.chunks.claim(*message, "w") is None


def test_next_worker_gets_only_what_is_left(world: FakeDeployment) -> None:
    job = world.submit(3).id
    lost = world.claim(job, 0)
    world.jobs.chunks.report(lost, [done(0, lost)], [1])
    world.clock.advance(world.settings.lease_seconds)
    world.jobs.sweep.run()
    claim = world.claim(job, 0, "w2")
    assert [photo.index for photo in claim.photos] == [1, 2]
    assert not claim.solo
    with pytest.raises(StaleLease):
        world.jobs.chunks.report(lost, [done(1, lost)])
    world.work(claim)
    results = [item.outcome.result for item in world.items(job) if item.outcome]
    assert results == [f"results/0-{lost.token}.jpg"] + [
        f"results/{n}-{claim.token}.jpg" for n in (1, 2)
    ]


def test_heartbeat_keeps_the_chunk(world: FakeDeployment) -> None:
    job = world.submit(3).id
    claim = world.claim(job, 0)
    for _ in range(10):
        world.clock.advance(world.settings.lease_seconds - 1)
        world.jobs.chunks.report(claim, [])
        world.jobs.sweep.run()
    world.work(claim)
    assert world.jobs.queries.get(job, TENANT).state is JobState.SUCCEEDED


def test_released_chunk_is_rung_for_at_once(world: FakeDeployment) -> None:
    job = world.submit(3).id
    claim = world.take_message()
    assert claim
    world.jobs.chunks.release(claim)
    assert world.notifier.messages == [(job, 0)]
    world.jobs.chunks.release(claim)
    assert world.notifier.messages == [(job, 0)]


def test_photo_that_kills_its_worker_is_quarantined_and_the_rest_is_done(
    world: FakeDeployment,
) -> None:
    job = world.submit(3).id
    for _ in range(20):
        if world.jobs.queries.get(job, TENANT).state.terminal:
            break
        if claim := world.take_message():
            work_until_killed_by(world, claim, poison=1)
        world.clock.advance(world.settings.lease_seconds + 1)
        world.jobs.sweep.run()
    assert world.states(job) == "dfd"
    outcome = world.items(job)[1].outcome
    assert outcome
    assert outcome.error
    assert outcome.error.type == "photo-crashes-worker"
    assert world.jobs.queries.get(job, TENANT).state is JobState.SUCCEEDED


def work_until_killed_by(world: FakeDeployment, claim, poison: int) -> None:  # noqa: ANN001
    """Work as the pipeline does: all at once, or one by one when told to."""
    flights = [[p] for p in claim.photos] if claim.solo else [list(claim.photos)]
    for flight in flights:
        world.jobs.chunks.report(claim, [], [photo.index for photo in flight])
        if any(photo.index == poison for photo in flight):
            return
        world.jobs.chunks.report(claim, [done(photo.index, claim) for photo in flight])
    world.jobs.chunks.finish(claim)


def test_chunk_whose_last_photo_is_given_up_can_be_handed_in(world: FakeDeployment) -> None:
    job = world.submit(1).id
    for _ in range(3):
        world.jobs.chunks.report(world.claim(job, 0), [], [0])
        world.clock.advance(world.settings.lease_seconds)
        world.jobs.sweep.run()
    claim = world.claim(job, 0)
    assert claim.photos == ()
    world.jobs.chunks.finish(claim)
    assert world.jobs.queries.get(job, TENANT).state is JobState.FAILED


def test_claim_is_given_back_when_s3_is_away(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.objects.down = True
    with pytest.raises(ServiceUnavailable):
        world.jobs.chunks.claim(job, 0, "w")
    world.objects.down = False
    assert world.jobs.chunks.claim(job, 0, "w")


def test_claim_that_is_lost_while_s3_is_away_is_an_outage_too(world: FakeDeployment) -> None:
    """The record is flushed between the claim and its release."""
    job = world.submit(3).id
    world.objects.down = True
    world.fuse.set(3, world.records.flush)  # after the record was read, written, and S3 asked
    with pytest.raises(ServiceUnavailable):
        world.jobs.chunks.claim(job, 0, "w")
