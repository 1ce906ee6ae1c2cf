"""Trainings through the job service: slices, stages, losses."""

import pytest

from infra.catalogue import StyleCatalogue
from infra.errors import InvalidRequest, ServiceUnavailable, StyleTaken
from infra.jobs.domain.deferral import RETRY_ROUNDS
from infra.jobs.domain.model import JobDraft, JobState, Problem
from infra.jobs.domain.rules import JobCancelled, StaleLease
from infra.jobs.domain.training_rules import STRIKES
from tests.fakes.service import BLEND, TENANT, FakeDeployment
from tests.fakes.trainings import at, claim, draft, owners, publish, submit

PROBLEM = Problem(type="training-diverged", detail="It went up and up.")


def test_training_is_worked_to_its_end_in_slices(world: FakeDeployment) -> None:
    job = submit(world).id
    for stage, iteration in enumerate((100, 200, 400)):
        assert world.notifier.training_messages.pop() == (job, 0)
        claimed = claim(world, job)
        world.jobs.trainings.report(claimed, at(iteration - 50))
        publish(world, claimed, stage)
        if stage < 2:
            world.jobs.trainings.end_slice(claimed, at(iteration))
        else:
            world.jobs.trainings.finish(claimed)
        seen = world.jobs.queries.get(job, TENANT)
        assert (seen.done, seen.published) == (stage + 1, tuple(range(stage + 1)))
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.progress, view.total) == (JobState.SUCCEEDED, 1.0, 3)
    assert world.notifier.messages == world.notifier.training_messages == []
    assert not [key for key in world.objects.objects if key.startswith("open/")]
    assert StyleCatalogue(world.objects).get("waves").job == job


def test_view_tells_config_and_progress(world: FakeDeployment) -> None:
    view = submit(world)
    assert (view.kind, view.style, view.strength, view.total) == ("train", "waves", 1.0, 3)
    assert view.training_config == draft(view.id).training
    assert (view.training, view.progress, view.eta_seconds) == (None, 0.0, None)
    world.jobs.trainings.report(claim(world, view.id), at(100, images_per_second=8.0))
    view = world.jobs.queries.get(view.id, TENANT)
    assert view.training == at(100, images_per_second=8.0)
    assert (view.progress, view.eta_seconds) == (0.25, 150.0)


def test_training_has_no_photos(world: FakeDeployment) -> None:
    assert world.items(submit(world).id) == []


def test_each_kind_is_worked_by_its_own(world: FakeDeployment) -> None:
    training, album = submit(world).id, world.submit(3).id
    assert world.notifier.messages == [(album, 0)]
    assert (world.jobs.notifier.backlog("train"), world.jobs.notifier.backlog()) == (1, 1)
    assert world.jobs.chunks.claim(training, 0, "w") is None
    assert world.jobs.trainings.claim(album, "t") is None
    assert world.jobs.trainings.claim("unknown", "t") is None


def test_album_cannot_be_submitted_as_a_training(world: FakeDeployment) -> None:
    album = JobDraft(id=world.jobs.submission.new_job_id(), tenant=TENANT, style="s", blend=BLEND)
    with pytest.raises(InvalidRequest):
        world.jobs.submission.submit_training(album)


def test_never_two_trainers_at_once(world: FakeDeployment) -> None:
    job = submit(world).id
    first = claim(world, job)
    assert world.jobs.trainings.claim(job, "t2") is None
    world.clock.advance(world.settings.lease_seconds + 1)
    world.jobs.sweep.run()
    second = claim(world, job)
    for act in (
        lambda: world.jobs.trainings.report(first),
        lambda: world.jobs.trainings.report(first, at(300)),
        lambda: world.jobs.trainings.stage_published(first, 0),
        lambda: world.jobs.trainings.finish(first),
        lambda: world.jobs.trainings.fail(first, PROBLEM),
    ):
        with pytest.raises(StaleLease):
            act()
    world.jobs.trainings.end_slice(first, at(300))
    assert world.jobs.queries.get(job, TENANT).training is None
    world.jobs.trainings.report(second)


def test_slice_without_a_message_gets_one_from_the_sweep(world: FakeDeployment) -> None:
    """The trainer makes way for albums, but not for ever."""
    job = submit(world).id
    world.notifier.training_messages.clear()
    world.jobs.trainings.end_slice(claim(world, job), at(5), notify=False)
    world.jobs.sweep.run()
    assert world.notifier.training_messages == []
    world.clock.advance(world.settings.ring_patience_seconds)
    world.jobs.sweep.run()
    assert world.notifier.training_messages == [(job, 0)]


def test_claim_of_a_training_says_that_it_is_the_last_attempt(world: FakeDeployment) -> None:
    """Each comes by the sweep, after the turns of others."""
    job = submit(world).id
    for _ in range(RETRY_ROUNDS - 1):
        claimed = claim(world, job)
        assert not claimed.last_attempt
        world.notifier.training_messages.clear()
        world.jobs.trainings.defer(claimed, at(5))
        assert world.notifier.training_messages == []
        world.clock.advance(world.settings.ring_patience_seconds)
        world.jobs.sweep.run()
        assert world.notifier.training_messages == [(job, 0)]
    assert claim(world, job).last_attempt


def test_full_queue_of_albums_does_not_delay_trainings(world: FakeDeployment) -> None:
    job = submit(world).id
    world.notifier.training_messages.clear()
    world.submit(3)
    world.clock.advance(world.settings.ring_patience_seconds)
    world.jobs.sweep.run()
    assert world.notifier.training_messages == [(job, 0)]


def test_training_that_takes_trainers_down_is_given_up(world: FakeDeployment) -> None:
    job = submit(world).id
    for _ in range(STRIKES):
        claim(world, job)
        world.clock.advance(world.settings.lease_seconds + 1)
        world.jobs.sweep.run()
    view = world.jobs.queries.get(job, TENANT)
    assert view.state is JobState.FAILED
    assert view.error
    assert view.error.type == "training-crashes-worker"
    assert not owners(world)


def test_training_survives_the_loss_of_redis(world: FakeDeployment) -> None:
    job = submit(world).id
    claimed = claim(world, job)
    publish(world, claimed, 0)
    world.jobs.trainings.report(claimed, at(120))
    world.jobs.trainings.end_slice(claimed, at(130))
    world.records.flush()
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done, view.published) == (JobState.RUNNING, 1, (0,))
    assert view.training == at(130)
    again = claim(world, job)
    assert again.token > claimed.token
    assert (again.progress, again.published) == (at(130), (0,))


def test_progress_does_not_run_back_when_redis_is_lost_in_a_repetition(
    world: FakeDeployment,
) -> None:
    """What a resumed trainer repeats lies behind what its predecessor had reported."""
    job = submit(world).id
    world.jobs.trainings.end_slice(claim(world, job), at(130))
    world.jobs.trainings.report(claim(world, job), at(90))
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT).training == at(130)


def test_stage_published_before_redis_was_lost_is_counted(world: FakeDeployment) -> None:
    """The trainer was killed between the bucket and the count."""
    job = submit(world).id
    claimed = claim(world, job)
    world.records.down = True
    with pytest.raises(ServiceUnavailable):
        publish(world, claimed, 0)
    world.records.down = False
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT).published == (0,)


def test_forgotten_trainer_learns_of_it(world: FakeDeployment) -> None:
    claimed = claim(world, submit(world).id)
    world.records.flush()
    with pytest.raises(StaleLease):
        world.jobs.trainings.report(claimed, at(5))
    with pytest.raises(StaleLease):
        world.jobs.trainings.finish(claimed)
    world.jobs.trainings.end_slice(claimed, at(5))


def test_cancelled_training_keeps_its_stages(world: FakeDeployment) -> None:
    job = submit(world).id
    claimed = claim(world, job)
    publish(world, claimed, 0)
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLING
    with pytest.raises(JobCancelled):
        world.jobs.trainings.report(claimed, at(110))
    assert world.jobs.queries.get(job, TENANT).state is JobState.CANCELLING
    publish(world, claimed, 1)  # it was in the middle of that, and says so
    world.jobs.trainings.end_slice(claimed)
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.published) == (JobState.CANCELLED, (0, 1))
    assert StyleCatalogue(world.objects).names() == ["waves"]
    with pytest.raises(StyleTaken):
        submit(world)


def test_failed_training_says_why(world: FakeDeployment) -> None:
    job = submit(world).id
    world.jobs.trainings.fail(claim(world, job), PROBLEM)
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.error, view.failed) == (JobState.FAILED, PROBLEM, 3)
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT) == view
