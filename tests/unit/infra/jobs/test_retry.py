"""Failed photos, and they alone, are worked again as a job of their own."""

from datetime import UTC, datetime

import pytest

from infra import layout
from infra.catalogue import Stage, Style, StyleCatalogue
from infra.catalogue.changes import StyleRemoval
from infra.catalogue.style import PHOTO_KEY, PHOTO_SHA256, WeightedNet
from infra.errors import JobNotFinished, NothingToRetry, StyleMissing
from infra.jobs.domain.model import JobDraft, JobState, PhotoEntry, Problem
from infra.layout.ids import new_job_id
from tests.fakes import trainings
from tests.fakes.service import BLEND, TENANT, FakeDeployment, done, entries, failed


def put_nets(world: FakeDeployment) -> None:
    for net in BLEND:
        world.objects.put(net.key, b"net")


def half_failed(world: FakeDeployment, photos: int = 8) -> str:
    """Work an album whose odd photos fail."""
    put_nets(world)
    job = world.submit(photos).id
    while world.notifier.messages:
        if claim := world.take_message():
            indices = [photo.index for photo in claim.photos]
            outcomes = [failed(n) if n % 2 else done(n, claim) for n in indices]
            world.jobs.chunks.report(claim, outcomes)
            world.jobs.chunks.finish(claim)
    return job


def test_retry_works_the_failed_photos_alone_and_leaves_the_old_job_as_it_was() -> None:
    world = FakeDeployment()
    job = half_failed(world)
    before, photos = world.jobs.queries.get(job, TENANT), world.items(job)
    again = world.jobs.submission.retry(job, TENANT)
    assert (again.total, again.retry_of, again.state) == (4, job, JobState.QUEUED)
    assert [item.name for item in world.items(again.id)] == ["1.jpg", "3.jpg", "5.jpg", "7.jpg"]
    world.work_off()
    assert world.states(again.id) == "dddd"
    assert (world.jobs.queries.get(job, TENANT), world.items(job)) == (before, photos)


def test_retry_reads_the_photos_where_they_lie_and_paints_as_the_first_job_did() -> None:
    world = FakeDeployment()
    job = half_failed(world, 2)
    again = world.jobs.submission.retry(job, TENANT)
    claim = world.claim(again.id, 0)
    assert [(photo.index, photo.key) for photo in claim.photos] == [(0, "photos/1.jpg")]
    spec = world.claim(world.submit(1).id, 0).spec
    assert (claim.spec.blend, claim.spec.style) == (spec.blend, spec.style)


def test_retry_can_be_retried() -> None:
    world = FakeDeployment()
    again = world.jobs.submission.retry(half_failed(world), TENANT)
    while world.notifier.messages:
        if claim := world.take_message():
            world.jobs.chunks.report(claim, [failed(photo.index) for photo in claim.photos])
            world.jobs.chunks.finish(claim)
    assert world.jobs.queries.get(again.id, TENANT).state is JobState.FAILED
    assert world.jobs.submission.retry(again.id, TENANT).total == 4


@pytest.mark.parametrize("others", [0, 1])
def test_what_came_in_damaged_is_not_retried(others: int) -> None:
    world = FakeDeployment()
    put_nets(world)
    fault = Problem(type="archive-damaged", detail="It broke off.")
    damaged = PhotoEntry(index=others, name="a.zip", key="a.zip", fault=fault)
    draft = JobDraft(id=world.jobs.submission.new_job_id(), tenant=TENANT, style="s", blend=BLEND)
    job = world.jobs.submission.submit(draft, [*entries(others), damaged]).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [failed(photo.index) for photo in claim.photos])
    world.jobs.chunks.finish(claim)
    if others:
        assert world.jobs.submission.retry(job, TENANT).total == others
    else:
        with pytest.raises(NothingToRetry, match="ZIP"):
            world.jobs.submission.retry(job, TENANT)


def test_job_that_runs_or_has_no_failed_photo_cannot_be_retried() -> None:
    world = FakeDeployment()
    job = world.submit(3).id
    with pytest.raises(JobNotFinished):
        world.jobs.submission.retry(job, TENANT)
    world.work_off()
    with pytest.raises(NothingToRetry, match="3 of 3"):
        world.jobs.submission.retry(job, TENANT)
    training = trainings.submit(world).id
    world.jobs.cancellation.cancel(training, TENANT)
    with pytest.raises(NothingToRetry, match="training again, under the same name or another"):
        world.jobs.submission.retry(training, TENANT)


def test_training_that_has_published_is_sent_again_under_another_name() -> None:
    """The name is its style's, which stays."""
    world = FakeDeployment()
    training = trainings.submit(world).id
    claim = trainings.claim(world, training)
    world.jobs.trainings.stage_published(claim, 0)
    world.jobs.cancellation.cancel(training, TENANT)
    world.jobs.trainings.end_slice(claim)
    with pytest.raises(NothingToRetry, match="under another name"):
        world.jobs.submission.retry(training, TENANT)


def note_removal(world: FakeDeployment) -> None:
    """Say that the nets of the album are going to be removed, as whoever deletes a style does."""
    note = StyleRemoval(place="s", keys=[net.key for net in BLEND])
    key = layout.style_removal(new_job_id(world.clock()))
    world.objects.put(key, note.model_dump_json().encode())


def test_photos_of_a_deleted_style_are_not_retried() -> None:
    """Before its nets are removed, and after."""
    world = FakeDeployment()
    job = half_failed(world)
    note_removal(world)
    with pytest.raises(StyleMissing, match="'s' is gone"):
        world.jobs.submission.retry(job, TENANT)
    for key in [*(net.key for net in BLEND), *keys_below(world, layout.STYLE_REMOVALS_PREFIX)]:
        world.objects.delete(key)
    with pytest.raises(StyleMissing):
        world.jobs.submission.retry(job, TENANT)


def test_photos_of_a_renamed_style_are_retried_with_the_nets_where_they_are_now() -> None:
    world = FakeDeployment()
    job = half_failed(world)
    note_removal(world)
    stages = tuple(
        Stage(stage=number, ratio=1, sha256=net.sha256, key=f"moved/{number}")
        for number, net in enumerate(BLEND)
    )
    style = Style(
        name="t",
        title="T",
        stages=stages,
        published=datetime(2026, 1, 1, tzinfo=UTC),
        tenant=TENANT,
        visibility="private",
    )
    StyleCatalogue(world.objects).put_index(style)
    again = world.jobs.submission.retry(job, TENANT)
    spec = world.claim(again.id, 0).spec
    assert [net.key for net in spec.blend] == [stage.key for stage in stages]
    assert [net.weight for net in spec.blend] == [net.weight for net in BLEND]


def test_the_photo_itself_is_no_net_that_could_be_gone() -> None:
    """A retry of a weak album looks for its nets, and takes over its photo's share."""
    world = FakeDeployment()
    put_nets(world)
    photo = WeightedNet(key=PHOTO_KEY, sha256=PHOTO_SHA256, weight=0.75)
    for blend in ((photo, BLEND[0].model_copy(update={"weight": 0.25})), (photo,)):
        job = world.jobs.submission.new_job_id()
        draft = JobDraft(id=job, tenant=TENANT, style="s", blend=blend)
        world.jobs.submission.submit(draft, entries(1))
        claim = world.claim(job, 0)
        world.jobs.chunks.report(claim, [failed(0)])
        world.jobs.chunks.finish(claim)
        again = world.jobs.submission.retry(job, TENANT)
        assert world.claim(again.id, 0).spec.blend == blend


def keys_below(world: FakeDeployment, prefix: str) -> list[str]:
    return [info.key for info in world.objects.list(prefix)]
