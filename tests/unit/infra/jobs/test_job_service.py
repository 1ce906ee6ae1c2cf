"""The job service over memory: what its users see, in calm and in trouble."""

import pytest

from infra import layout
from infra.errors import AlbumTooLarge, InvalidRequest, JobMissing, ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobDraft, JobState
from infra.jobs.domain.rules import JobCancelled, StaleLease
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS, SUBMISSION_SECONDS
from infra.jobs.maintenance.sweep import BUSY_PATIENCE, SURVEY_SECONDS
from infra.jobs.manifest import Manifest
from infra.jobs.views import ItemView, JobView
from infra.layout.ids import new_job_id
from tests.fakes.jobs import Killed
from tests.fakes.service import BLEND, TENANT, FakeDeployment, done, entries, failed


@pytest.fixture
def world() -> FakeDeployment:
    return FakeDeployment()


def draft(world: FakeDeployment) -> JobDraft:
    return JobDraft(id=world.jobs.submission.new_job_id(), tenant=TENANT, style="s", blend=BLEND)


def keys(world: FakeDeployment, part: str) -> list[str]:
    return [key for key in world.objects.objects if part in key]


def lose_redis(world: FakeDeployment) -> None:
    """Everything that Redis knows is gone, messages too."""
    world.records.flush()
    world.notifier.messages.clear()
    world.clock.advance(0.001)


# Submission.


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


# What users see.


def test_job_of_another_tenant_is_missing(world: FakeDeployment) -> None:
    job = world.submit(3, tenant="alice").id
    for ask in (world.jobs.queries.get, world.jobs.cancellation.cancel):
        with pytest.raises(JobMissing):
            ask(job, "bob")
    with pytest.raises(JobMissing):
        world.jobs.queries.items(job, "bob", 0, 1)
    world.records.flush()
    with pytest.raises(JobMissing):
        world.jobs.queries.get(job, "bob")


@pytest.mark.parametrize("job", ["", "nonsense", "../../alice", "0" * 26])
def test_unknown_job_is_missing(world: FakeDeployment, job: str) -> None:
    with pytest.raises(JobMissing):
        world.jobs.queries.get(job, TENANT)


def test_progress_is_seen_while_a_chunk_runs(world: FakeDeployment) -> None:
    job = world.submit(4).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [], [0, 1])
    assert world.states(job) == "rrpp"
    world.clock.advance(2)
    world.jobs.chunks.report(claim, [done(0, claim)], [1, 2])
    world.jobs.chunks.report(claim, [failed(1)])
    assert world.states(job) == "dfrp"
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done, view.failed) == (JobState.RUNNING, 1, 1)
    assert view.eta_seconds == 2.0


def test_recent_jobs_come_newest_first_in_pages(world: FakeDeployment) -> None:
    jobs: list[str] = []
    for _ in range(5):
        world.clock.advance(1)
        jobs.append(world.submit(1).id)
    world.submit(1, tenant="alice")
    newest = list(reversed(jobs))
    first = world.jobs.queries.recent(TENANT, limit=2)
    assert [view.id for view in first] == newest[:2]
    rest = world.jobs.queries.recent(TENANT, limit=99, after=first[-1].id)
    assert [view.id for view in rest] == newest[2:]
    assert world.jobs.queries.recent("nobody", limit=9) == []


def test_finalized_job_is_answered_by_s3_alone(world: FakeDeployment) -> None:
    job = world.submit(7).id
    world.work_off()
    view, items = world.jobs.queries.get(job, TENANT), world.items(job)
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT) == view
    assert world.items(job) == items
    assert not world.records.records


# Work.


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


# Cancel.


def test_cancel_stops_the_job_and_keeps_what_is_done(world: FakeDeployment) -> None:
    job = world.submit(7).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [done(0, claim)], [1])
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLING
    assert world.jobs.chunks.claim(job, 1, "w2") is None
    with pytest.raises(JobCancelled):
        world.jobs.chunks.report(claim, [done(1, claim)])
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done) == (JobState.CANCELLED, 2)
    assert world.states(job) == "ddppppp"
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT) == view
    assert world.states(job) == "ddppppp"


def test_cancel_is_safe_to_repeat_and_too_late_after_the_end(world: FakeDeployment) -> None:
    job, ended = world.submit(3).id, world.submit(3).id
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLED
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLED
    world.work_off()
    assert world.jobs.cancellation.cancel(ended, TENANT).state is JobState.SUCCEEDED


def test_cancel_outlives_a_flush(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.claim(job, 0)
    world.jobs.cancellation.cancel(job, TENANT)
    world.records.flush()
    world.jobs.sweep.run()
    assert world.jobs.queries.get(job, TENANT).state is JobState.CANCELLED


# The sweep.


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
