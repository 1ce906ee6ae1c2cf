"""The name of the style that a training makes: taken by its submission, given back with its end."""

from contextlib import suppress

import pytest

from infra import layout
from infra.errors import JobMissing, ServiceUnavailable, StyleTaken
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobRecord, Problem
from infra.jobs.domain.rules import StaleLease
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from tests.fakes.jobs import Killed
from tests.fakes.service import TENANT, FakeDeployment
from tests.fakes.trainings import claim, draft, owners, publish, submit

PROBLEM = Problem(type="training-diverged", detail="It went up and up.")


def test_name_is_reserved_from_submission_on(world: FakeDeployment) -> None:
    submit(world)
    before = set(world.objects.objects)
    with pytest.raises(StyleTaken, match="'waves'"):
        submit(world)
    assert set(world.objects.objects) == before
    assert len(world.notifier.training_messages) == 1
    submit(world, "other")


@pytest.mark.parametrize("way", ["cancel", "fail", "finish"])
def test_name_is_free_again_when_nothing_was_published(world: FakeDeployment, way: str) -> None:
    job = submit(world).id
    if way == "cancel":
        world.jobs.cancellation.cancel(job, TENANT)
    elif way == "fail":
        world.jobs.trainings.fail(claim(world, job), PROBLEM)
    else:
        world.jobs.trainings.finish(claim(world, job))
    assert not owners(world)
    assert submit(world).id != job


def test_submission_that_failed_gives_the_name_back(world: FakeDeployment) -> None:
    world.records.down = True
    with pytest.raises(ServiceUnavailable):
        submit(world)
    world.records.down = False
    submit(world)


@pytest.mark.parametrize("effects", range(16))
def test_submission_that_was_cut_off_holds_the_name_until_it_is_cleared(
    world: FakeDeployment, effects: int
) -> None:
    """Wherever it was cut off, the name is either its job's or free in the end."""
    world.fuse.set(effects)
    job = world.jobs.submission.new_job_id()
    with suppress(Killed):
        world.jobs.submission.submit_training(draft(job))
    world.fuse.clear()
    world.restart()
    world.clock.advance(ABANDONED_SECONDS + 1)
    world.jobs.sweep.run()
    try:
        world.jobs.queries.get(job, TENANT)
    except JobMissing:
        assert not [key for key in world.objects.objects if f"/jobs/{job}/" in key]
    else:
        with pytest.raises(StyleTaken):
            submit(world)
        world.jobs.cancellation.cancel(job, TENANT)
    other = submit(world).id
    assert owners(world) == [layout.style_owner("waves", other)]


@pytest.mark.parametrize("effects", range(9))
def test_name_is_given_back_wherever_the_end_was_cut_off(
    world: FakeDeployment, effects: int
) -> None:
    """Redis too forgets that the training had just ended."""
    job = submit(world).id
    world.fuse.set(effects)
    with suppress(Killed):
        world.jobs.cancellation.cancel(job, TENANT)
    world.fuse.clear()
    world.restart()
    world.records.flush()
    world.jobs.sweep.run()
    world.jobs.cancellation.cancel(job, TENANT)
    assert not owners(world)


@pytest.mark.parametrize("effects", range(9))
def test_training_that_comes_back_to_life_has_its_name(world: FakeDeployment, effects: int) -> None:
    """Its end was cut off before S3 knew it, and Redis forgot it: it trains on, and publishes."""
    job = submit(world).id
    claimed = claim(world, job)
    world.fuse.set(effects)
    with suppress(Killed):
        world.jobs.trainings.finish(claimed)
    world.fuse.clear()
    world.restart()
    world.records.flush()
    world.clock.advance(0.001)
    world.jobs.sweep.run()
    if world.jobs.queries.get(job, TENANT).state.terminal:
        assert not owners(world)
    else:
        publish(world, claim(world, job), 0)


@pytest.mark.parametrize("effects", range(8))
@pytest.mark.parametrize("way", ["fail", "finish"])
def test_end_that_comes_late_does_not_end_a_training_that_has_come_back_to_life(
    world: FakeDeployment, way: str, effects: int
) -> None:
    """Whoever ends it hangs before S3 knows; Redis forgets it, and another trainer goes on."""
    job = submit(world).id
    claimed = claim(world, job)
    others: list[ClaimedTraining] = []

    def go_on() -> None:
        world.records.flush()
        world.clock.advance(0.001)
        world.jobs.sweep.run()
        if not world.jobs.queries.get(job, TENANT).state.terminal:
            others.append(claim(world, job))

    world.fuse.set(effects, go_on)
    with suppress(StaleLease):
        if way == "fail":
            world.jobs.trainings.fail(claimed, PROBLEM)
        else:
            world.jobs.trainings.finish(claimed)
    world.fuse.clear()
    for other in others:
        assert world.records.open_jobs() == [job]
        with pytest.raises(StyleTaken):
            submit(world)
        publish(world, other, 0)
        world.jobs.trainings.finish(other)
    assert world.jobs.queries.get(job, TENANT).published == ((0,) if others else ())
    assert world.jobs.queries.get(job, TENANT).state.terminal
    assert not world.records.open_jobs()


@pytest.mark.parametrize("effects", range(8))
def test_submission_that_could_not_be_withdrawn_keeps_its_name(
    world: FakeDeployment, monkeypatch: pytest.MonkeyPatch, effects: int
) -> None:
    """Redis fails, then S3 while it is taken back: the sender hears of it, but it may be there."""

    def fail(*_: object) -> None:
        raise ServiceUnavailable("Away for a moment.")

    def fail_now_and_later(*_: object) -> None:
        world.fuse.set(effects, fail)
        fail()

    job = world.jobs.submission.new_job_id()
    with monkeypatch.context() as patch:
        patch.setattr(world.records, "create", fail_now_and_later)
        with pytest.raises(ServiceUnavailable):
            world.jobs.submission.submit_training(draft(job))
    world.fuse.clear()
    world.jobs.sweep.run()
    try:
        world.jobs.queries.get(job, TENANT)
    except JobMissing:
        world.clock.advance(ABANDONED_SECONDS + 1)
        world.jobs.sweep.run()
        submit(world)
    else:
        publish(world, claim(world, job), 0)


def test_training_that_was_withdrawn_is_not_trained(
    world: FakeDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis took the record, but its answer was lost, and then it was away."""
    create = world.records.create

    def unanswered(record: JobRecord) -> None:
        create(record)
        world.records.down = True
        raise ServiceUnavailable("Away for a moment.")

    job = world.jobs.submission.new_job_id()
    with monkeypatch.context() as patch:
        patch.setattr(world.records, "create", unanswered)
        with pytest.raises(ServiceUnavailable):
            world.jobs.submission.submit_training(draft(job))
    world.records.down = False
    assert world.jobs.trainings.claim(job, "t") is None
    assert not world.records.open_jobs()


def test_claim_that_s3_interrupts_is_no_strike(world: FakeDeployment) -> None:
    def fail() -> None:
        raise ServiceUnavailable("S3 is away for a moment.")

    job = submit(world).id
    world.fuse.set(2, fail)  # the record, read and written, and then no word of the spec
    with pytest.raises(ServiceUnavailable):
        world.jobs.trainings.claim(job, "t")
    world.clock.advance(world.settings.lease_seconds + 1)
    world.jobs.sweep.run()
    record = world.records.peek(job)
    assert record
    assert not record.active[0].strikes


def test_two_who_want_a_name_at_once_do_not_both_get_it(world: FakeDeployment) -> None:
    """Wherever the other comes between."""
    for effects in range(12):
        taken: list[str] = []

        def other(name: str = f"style-{effects}", taken: list[str] = taken) -> None:
            with suppress(StyleTaken):
                taken.append(submit(world, name).id)

        world.fuse.set(effects, other)
        with suppress(StyleTaken):
            taken.append(submit(world, f"style-{effects}").id)
        world.fuse.clear()
        assert len(taken) <= 1
        assert len(owners(world)) == len(world.records.opened)


def test_unlisted_stranger_may_not_publish(world: FakeDeployment) -> None:
    """A trainer whose job was cancelled and whose name is another's comes too late."""
    claimed = claim(world, submit(world).id)
    world.jobs.cancellation.cancel(claimed.spec.id, TENANT)
    world.clock.advance(world.settings.lease_seconds + 1)
    world.jobs.sweep.run()
    submit(world)
    with pytest.raises(StyleTaken):
        publish(world, claimed, 0)
    assert layout.style_index("waves") not in world.objects.objects
