"""Albums on their way in: what is accepted, and what a refusal leaves behind."""

import pytest

from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest, ServiceUnavailable
from infra.jobs.domain.model import JobState
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS, SUBMISSION_SECONDS
from tests.fakes.service import TENANT, FakeDeployment, draft, entries, keys


def test_submitted_album_is_worked_to_its_end(world: FakeDeployment) -> None:
    job = world.submit(7).id
    assert world.states(job) == "ppppppp"
    world.work_off()
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done, view.progress) == (JobState.SUCCEEDED, 7, 1.0)
    assert world.states(job) == "ddddddd"
    assert not keys(world, "open/")


def test_only_a_window_of_chunks_is_in_the_broker(world: FakeDeployment) -> None:
    """Five photos behind fifty thousand do not wait."""
    large = world.submit(60).id
    small = world.submit(3).id
    assert world.notifier.messages == [(large, 0), (large, 1), (small, 0)]
    claim = world.take_message()
    assert claim
    world.work(claim)
    assert world.notifier.messages == [(large, 1), (small, 0), (large, 2)]


def test_album_of_many_parts_is_paged(world: FakeDeployment) -> None:
    job = world.submit(2500).id
    assert len(keys(world, "/photos/")) == 3
    page = world.jobs.queries.items(job, TENANT, 998, 1004)
    assert [item.index for item in page] == list(range(998, 2002))
    assert world.jobs.queries.items(job, TENANT, 2499, 100)[0].name == "2499.jpg"
    assert world.jobs.queries.items(job, TENANT, 2500, 100) == []


def test_photos_are_streamed_part_by_part(world: FakeDeployment) -> None:
    """When the last photo is asked for, all full parts before it are written already."""
    written: list[int] = []

    def photos():  # noqa: ANN202 - a generator of PhotoEntry
        for entry in entries(2001):
            written.append(len(keys(world, "/photos/")))
            yield entry

    world.jobs.submission.submit(draft(world), photos())
    assert written[999] == 0
    assert written[1000] == 1
    assert written[2000] == 2


def test_album_without_photos_is_refused_and_leaves_nothing(world: FakeDeployment) -> None:
    with pytest.raises(InvalidRequest):
        world.submit(0)
    assert not world.objects.objects


def test_album_above_the_limit_is_refused_and_leaves_nothing() -> None:
    world = FakeDeployment(max_album_photos=5)
    assert world.submit(5).total == 5
    before = set(world.objects.objects)
    with pytest.raises(AlbumTooLarge):
        world.submit(6)
    assert set(world.objects.objects) == before


def test_failed_submission_takes_its_uploads_with_it(world: FakeDeployment) -> None:
    asked = draft(world)
    world.objects.put(layout.upload(TENANT, asked.id, 0, "a.jpg"), b"photo")
    with pytest.raises(ValueError, match="order"):
        world.jobs.submission.submit(asked, reversed(entries(2)))
    assert not world.objects.objects


def test_photos_out_of_order_are_refused(world: FakeDeployment) -> None:
    with pytest.raises(ValueError, match="order"):
        world.jobs.submission.submit(draft(world), entries(3)[1:])


def test_nothing_is_accepted_while_redis_is_away(world: FakeDeployment) -> None:
    world.records.down = True
    with pytest.raises(ServiceUnavailable):
        world.submit(3)
    assert not world.objects.objects


def test_nothing_is_accepted_while_s3_is_away(world: FakeDeployment) -> None:
    world.objects.down = True
    with pytest.raises(ServiceUnavailable):
        world.submit(3)
    assert not world.records.records


def test_unreachable_broker_does_not_refuse_the_album(world: FakeDeployment) -> None:
    """The record is there, so the sweep sends the message later."""
    world.notifier.down = True
    job = world.submit(3).id
    world.notifier.down = False
    world.clock.advance(world.settings.ring_patience_seconds)
    world.jobs.sweep.run()
    assert world.notifier.messages == [(job, 0)]


def test_submission_that_took_too_long_is_refused(world: FakeDeployment) -> None:
    """The sweeper may be clearing it away by now."""
    asked = draft(world)
    world.clock.advance(SUBMISSION_SECONDS + 1)
    with pytest.raises(InvalidRequest):
        world.jobs.submission.submit(asked, entries(2))


def test_uploads_of_a_submission_that_was_cut_off_are_cleared(world: FakeDeployment) -> None:
    job = world.jobs.submission.new_job_id()
    world.jobs.submission.announce(job, TENANT)
    world.objects.put(layout.upload(TENANT, job, 0, "a.jpg"), b"photo")
    world.jobs.sweep.run()
    assert len(world.objects.objects) == 2
    world.clock.advance(ABANDONED_SECONDS)
    assert world.jobs.sweep.run().discarded == 1
    assert not world.objects.objects


def test_record_whose_submission_was_withdrawn_is_dropped(world: FakeDeployment) -> None:
    """Redis took the record, but its answer was lost, so the sender was told to try again."""
    job = world.submit(3).id
    world.objects.delete_prefix("")
    assert world.jobs.chunks.claim(job, 0, "w") is None
    assert not world.records.records
