"""A chunk that is interrupted by a cancel, an outage, a stop, or the loss of its lease."""

import threading

import pytest

from infra.jobs.domain.model import JobState, PhotoOutcome
from infra.jobs.views import JobView
from tests.fakes.album import AlbumHarness, away, pictures
from worker.album.stages import CPU_LIMITS

#: Seconds after which a test that waits for another thread gives up.
PATIENCE = 10


def test_each_photo_is_named_as_in_flight_before_it_is_touched() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(7))
    touched: list[int] = []
    named: list[int] = []

    def watch(operation: str, key: str) -> None:
        if operation == "get" and key.startswith("photos/"):
            index = int(key.removeprefix("photos/photo-").removesuffix(".png"))
            in_flight = harness.record(job).active[0].in_flight
            touched.append(index)
            named.append(len(in_flight))
            assert index in in_flight

    harness.objects.watch = watch
    harness.work(job)
    assert sorted(touched) == list(range(7))
    assert max(named) == CPU_LIMITS.window
    assert harness.jobs.queries.get(job, "default").failed == 0


def test_chunk_with_a_suspect_goes_photo_by_photo() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(4))
    for _ in range(2):
        harness.jobs.chunks.report(harness.claim(job), [], [2])
        harness.lose_lease(job)
    claim = harness.claim(job)
    assert claim.solo
    alone: list[tuple[int, ...]] = []

    def watch(operation: str, key: str) -> None:
        if operation == "get" and key.startswith("photos/"):
            alone.append(harness.record(job).active[0].in_flight)

    harness.objects.watch = watch
    harness.pipeline.run(claim)
    assert alone == [(0,), (1,), (2,), (3,)]


def test_lost_lease_stops_the_chunk_and_nothing_more_is_written() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(6))

    def watch(number: int) -> None:
        if number == 0:
            harness.lose_lease(job)
            # Another worker has the chunk now.
            assert harness.jobs.chunks.claim(job, 0, "worker-2") is not None

    harness.engine.watch = watch
    harness.work(job)
    assert harness.record(job).done == 0
    # The one painted photo may have been stored before its commit was refused, no other.
    assert len(harness.results()) <= 2
    assert harness.engine.photos <= CPU_LIMITS.window
    lease = harness.record(job).active[0].lease
    assert lease is not None
    assert lease.worker == "worker-2"
    assert harness.tally.counts["chunks_total", "lost"] == 1


def test_cancelled_job_stops_and_keeps_what_is_done() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(8))

    def watch(number: int) -> None:
        if number == 3:
            harness.jobs.cancellation.cancel(job, "default")

    harness.engine.watch = watch
    harness.work(job)
    view = harness.jobs.queries.get(job, "default")
    assert view.state is JobState.CANCELLED
    assert 1 <= view.done <= harness.engine.photos <= 3 + CPU_LIMITS.window


def test_outage_of_the_bucket_is_no_photos_failure() -> None:
    """Each access to photos and results fails once; everything is done in the end."""
    harness = AlbumHarness()
    job = harness.submit(pictures(2))
    failed: set[tuple[str, str]] = set()

    def watch(operation: str, key: str) -> None:
        ours = key.startswith(("photos/", "tenants/default/receipts/")) or "/results/" in key
        if ours and (operation, key) not in failed:
            failed.add((operation, key))
            raise away()

    harness.objects.watch = watch
    harness.work(job)
    view = harness.jobs.queries.get(job, "default")
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 2, 0)
    assert {operation for operation, _ in failed} == {"get", "put"}


def test_outage_of_redis_is_no_photos_failure() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(3))

    def watch(number: int) -> None:
        if number == 0:
            harness.records.down = True
            threading.Timer(0.1, lambda: setattr(harness.records, "down", False)).start()

    harness.engine.watch = watch
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").done == 3


def test_outage_that_outlives_the_lease_leaves_the_chunk_to_the_sweeper() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(3))
    claim = harness.claim(job)

    def watch(operation: str, key: str) -> None:
        if key.startswith("photos/"):
            harness.clock.advance(harness.settings.lease_seconds)
            raise away()

    harness.objects.watch = watch
    harness.pipeline.run(claim)
    assert harness.record(job).failed == 0
    assert harness.tally.counts == {("chunks_total", "lost"): 1}
    harness.objects.watch = lambda _operation, _key: None
    assert harness.record(job).active[0].strikes == {}
    harness.lose_lease(job)
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED


def test_stop_gives_the_chunk_back_between_photos_and_keeps_what_is_done() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(8))
    harness.notifier.messages.clear()

    def watch(number: int) -> None:
        if number == 2:
            harness.stop.set()

    harness.engine.watch = watch
    harness.work(job)
    record = harness.record(job)
    assert harness.engine.photos == 3
    assert record.done == 3
    assert record.active[0].lease is None
    assert record.active[0].strikes == {}
    assert harness.notifier.messages == [(job, 0)]
    assert harness.tally.counts["chunks_total", "released"] == 1
    harness.stop.clear()
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").done == 8
    assert harness.engine.photos == 8


def test_stop_leaves_a_photo_in_the_middle_that_is_long_at_work() -> None:
    """What was painted before is kept, and the photo is begun anew later."""
    harness = AlbumHarness()
    job = harness.submit(pictures(4))

    def watch(number: int) -> None:
        if number == 2:
            harness.engine.seconds = PATIENCE
            harness.stop.set()

    harness.engine.watch = watch
    harness.work(job)
    assert harness.engine.photos == 3
    assert harness.record(job).done == 2
    assert harness.record(job).active[0].lease is None
    assert harness.tally.counts["chunks_total", "released"] == 1
    harness.stop.clear()
    harness.engine.seconds = 0
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED
    assert harness.engine.photos == 5


def test_cancelled_job_ends_a_photo_in_the_middle() -> None:
    """The heartbeat hears of it, and the photo looks between its tiles."""
    harness = AlbumHarness(heartbeat_seconds=0)
    job = harness.submit(pictures(3))
    harness.engine.seconds = PATIENCE
    cancelled: list[JobView] = []
    harness.engine.watch = lambda _number: cancelled.append(
        harness.jobs.cancellation.cancel(job, "default")
    )
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").state is JobState.CANCELLED
    assert harness.engine.photos == 1
    assert harness.record(job).done == 0


def test_end_of_the_process_gives_the_chunk_back() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(4))

    def watch(number: int) -> None:
        if number == 1:
            raise SystemExit(0)

    harness.engine.watch = watch
    with pytest.raises(SystemExit):
        harness.work(job)
    chunk = harness.record(job).active[0]
    assert chunk.lease is None
    assert chunk.strikes == {}


def test_unexpected_error_of_the_service_leaves_the_chunk_to_its_lease() -> None:
    """Given back at once, it would come again at once, and for ever."""
    harness = AlbumHarness()
    job = harness.submit(pictures(2))

    def watch(operation: str, key: str) -> None:
        if operation == "put" and "/outcomes/" in key:
            raise ZeroDivisionError

    harness.objects.watch = watch
    with pytest.raises(ZeroDivisionError):
        harness.work(job)
    assert harness.record(job).active[0].lease is not None


def test_chunk_whose_photos_all_have_an_outcome_is_just_handed_in() -> None:
    """The worker before was killed between its last commit and handing in."""
    harness = AlbumHarness()
    job = harness.submit(pictures(2))
    harness.jobs.chunks.report(
        harness.claim(job), [PhotoOutcome(index=n, result="r") for n in range(2)]
    )
    harness.lose_lease(job)
    again = harness.claim(job)
    assert again.photos == ()
    harness.pipeline.run(again)
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED
    assert harness.engine.photos == 0
