"""What was lost or cut off and is put right: records, messages, ends, submissions."""

import pytest

from infra import layout
from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobState
from infra.jobs.domain.rules import StaleLease
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.maintenance.sweep import BUSY_PATIENCE, SURVEY_SECONDS
from infra.jobs.manifest import Manifest
from infra.jobs.views import ItemView, JobView
from infra.layout.ids import new_job_id
from tests.fakes.jobs import Killed
from tests.fakes.service import (
    TENANT,
    FakeDeployment,
    done,
    failed,
    keys,
    lose_redis,
)


def test_end_that_was_not_finalized_is_finalized_by_the_sweep(world: FakeDeployment) -> None:
    job = world.submit(3).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [done(n, claim) for n in range(3)])
    world.fuse.set(3)  # the record, read and written, and then nothing is finalized
    with pytest.raises(Killed):
        world.jobs.chunks.finish(claim)
    assert keys(world, "open/")
    assert world.jobs.sweep.run().finalized == 1
    assert not keys(world, "open/")


def test_end_is_shown_only_once_s3_knows_it(world: FakeDeployment) -> None:
    """A cancel cut off after its marker, an end cut off before it is finalized, and a flush:
    what a user saw between must stay true."""
    job = world.submit(3).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [done(n, claim) for n in range(3)])
    world.fuse.set(2)  # the record read, the marker written, and no more
    with pytest.raises(Killed):
        world.jobs.cancellation.cancel(job, TENANT)
    world.fuse.set(2)  # the record, read and written, and then nothing is finalized
    with pytest.raises(Killed):
        world.jobs.chunks.finish(claim)
    world.objects.down = True
    with pytest.raises(ServiceUnavailable):
        world.jobs.queries.get(job, TENANT)
    world.objects.down = False
    assert world.jobs.queries.get(job, TENANT).state is JobState.SUCCEEDED
    world.records.flush()
    world.jobs.sweep.run()
    assert world.jobs.queries.get(job, TENANT).state is JobState.SUCCEEDED


def test_flush_in_the_middle_of_an_album_loses_nothing(world: FakeDeployment) -> None:
    job = world.submit(7).id
    claim = world.take_message()
    assert claim
    world.jobs.chunks.report(claim, [done(0, claim), failed(1)])
    before = world.items(job)[:2]
    world.records.flush()
    world.notifier.messages.clear()
    with pytest.raises(StaleLease):
        world.jobs.chunks.report(claim, [done(2, claim)])
    report = world.jobs.sweep.run()
    assert (report.rebuilt, report.notified) == (1, 2)
    assert world.items(job)[:2] == before
    world.work_off()
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 6, 1)


def test_get_restores_a_job_without_waiting_for_the_sweep(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT).state is JobState.QUEUED
    assert world.records.open_jobs() == [job]


def test_lost_message_is_rung_again_when_the_queue_is_empty(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.notifier.messages.clear()
    world.clock.advance(world.settings.ring_patience_seconds)
    assert world.jobs.sweep.run().notified == 1
    assert world.notifier.messages == [(job, 0)]


def test_waiting_chunks_are_not_rung_for_again_and_again(world: FakeDeployment) -> None:
    """A queue that is long because work is slow must not get longer by itself."""
    world.submit(3)
    for _ in range(BUSY_PATIENCE - 1):
        world.clock.advance(world.settings.ring_patience_seconds)
        assert world.jobs.sweep.run().notified == 0
    world.clock.advance(world.settings.ring_patience_seconds)
    assert world.jobs.sweep.run().notified == 1


def test_one_unreadable_record_does_not_stop_the_sweep(world: FakeDeployment) -> None:
    broken, job = world.submit(3).id, world.submit(3).id
    world.records.records[broken] = "{}"
    world.notifier.messages.clear()
    world.clock.advance(world.settings.ring_patience_seconds)
    world.jobs.sweep.run()
    assert world.notifier.messages == [(job, 0)]


def test_a_strange_marker_does_not_stop_the_survey(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.objects.put("open/default", b"")
    world.objects.put("open/default/What's this?", b"")
    world.records.flush()
    assert world.jobs.sweep.run().rebuilt == 1
    assert world.records.open_jobs() == [job]


def test_files_of_the_users_own_below_open_survive_every_sweep(world: FakeDeployment) -> None:
    """Even under the very key of a marker: none of ours holds anything."""
    ancient = layout.open_marker(TENANT, new_job_id(0))
    keys = ["open/train/000002b66c9c498e.jpg", "open/a/7", "open/a/7.jpg", ancient]
    for key in keys:
        world.objects.put(key, b"a photo")
    for _ in range(3):
        world.clock.advance(ABANDONED_SECONDS + SURVEY_SECONDS)
        assert world.jobs.sweep.run().discarded == 0
    assert list(world.objects.objects) == keys


def test_submission_that_s3_cannot_take_back_now_is_forgotten_by_redis(
    world: FakeDeployment,
) -> None:
    """Redis made the record, its answer was lost, and then S3 went away in the clearing."""

    def lose() -> None:
        world.fuse.set(2, kill_s3)
        raise ServiceUnavailable("no answer")

    def kill_s3() -> None:
        world.objects.down = True

    world.fuse.set(4, lose, late=True)  # marker, photos, list entry, spec, record
    with pytest.raises(ServiceUnavailable):
        world.submit(3)
    assert keys(world, "photos/")
    assert not world.records.open_jobs()
    world.objects.down = False
    world.clock.advance(ABANDONED_SECONDS + 1)
    assert world.jobs.sweep.run().discarded == 1
    assert not world.objects.objects


def test_one_unreadable_manifest_does_not_stop_the_survey(world: FakeDeployment) -> None:
    broken, job = world.submit(3).id, world.submit(3).id
    world.objects.objects[layout.job_spec(TENANT, broken)] = b"{}"
    world.records.flush()
    assert world.jobs.sweep.run().rebuilt == 1
    assert world.records.open_jobs() == [job]


def test_what_a_rebuild_has_given_out_does_not_change_with_a_late_write(
    world: FakeDeployment,
) -> None:
    """Two workers are stopped before they write; Redis is lost before and after the second."""
    job = world.submit(3).id
    early = world.claim(job, 0)
    world.clock.advance(world.settings.lease_seconds + 1)
    world.jobs.sweep.run()
    late = world.claim(job, 0)
    manifest = Manifest(store=world.objects, tenant=TENANT, job=job)
    given_out: list[list[ItemView]] = []
    for claim in (early, late):
        manifest.write_outcomes(0, claim.token, [done(0, claim)])
        world.records.flush()
        world.clock.advance(0.001)
        given_out.append(world.items(job))
    assert given_out[0][0].outcome == done(0, early)
    assert given_out[0] == given_out[1]


@pytest.mark.parametrize("effects", range(12))
@pytest.mark.parametrize("cancelled", [False, True])
def test_rebuild_that_comes_late_does_not_bring_back_what_has_ended(
    world: FakeDeployment, effects: int, cancelled: bool
) -> None:
    """While one reads S3, another rebuilds it, it ends and is told, and Redis forgets again."""
    job = world.submit(3).id
    told: list[JobView] = []

    def others() -> None:
        world.jobs.sweep.run()
        world.clock.advance(0.001)
        if cancelled:
            world.jobs.cancellation.cancel(job, TENANT)
        else:
            world.work_off()
        told.append(world.jobs.queries.get(job, TENANT))
        lose_redis(world)

    lose_redis(world)
    world.fuse.set(effects, others)
    world.jobs.queries.get(job, TENANT)
    world.fuse.clear()
    for view in told:
        assert world.jobs.queries.get(job, TENANT) == view


@pytest.mark.parametrize("effects", range(12))
def test_two_rebuilds_do_not_disagree_about_what_was_told(
    world: FakeDeployment, effects: int
) -> None:
    """One is slow; the chunk is given out meanwhile, and a write from before the flush lands."""
    job = world.submit(3).id
    early = world.claim(job, 0)
    world.jobs.chunks.report(early, [done(0, early)], [1])
    manifest = Manifest(store=world.objects, tenant=TENANT, job=job)
    later: list[ClaimedChunk] = []

    def others() -> None:
        world.jobs.sweep.run()
        later.append(world.claim(job, 0))
        world.clock.advance(0.001)
        manifest.write_outcomes(0, early.token, [done(0, early), done(1, early)])

    lose_redis(world)
    world.fuse.set(effects, others)
    world.jobs.queries.get(job, TENANT)
    world.fuse.clear()
    for claim in later:
        world.jobs.chunks.report(claim, [done(1, claim)])
        told = world.items(job)[1]
        world.jobs.chunks.report(claim, [done(2, claim)])
        world.jobs.chunks.finish(claim)
        assert world.items(job)[1] == told


def test_an_end_that_was_told_is_not_written_over_by_who_was_stopped(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.claim(job, 0)
    manifest = Manifest(store=world.objects, tenant=TENANT, job=job)
    record = world.records.peek(job)
    assert record
    earlier, told = (
        record.model_copy(update={"state": JobState.CANCELLED, "finished": 50.0 + n, "done": n})
        for n in range(2)
    )
    manifest.write_end(told)
    manifest.write_end(earlier)
    assert manifest.end() == told
