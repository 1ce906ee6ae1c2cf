"""The album pipeline over a real job service in memory."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from infra.jobs.domain.model import JobState, PhotoOutcome
from infra.jobs.views import JobView
from infra.storage.port import ObjectMissing
from tests.fakes.studio import Studio, TogetherEngine, away
from tests.photos import TEXT, encoded, scene
from worker.album.stages import CPU_LIMITS, ConcurrencyLimits

#: Seconds after which a test that waits for another thread gives up.
PATIENCE = 10


def pictures(count: int) -> dict[str, bytes | None]:
    """So many photos that all differ."""
    return {f"photo-{n}.png": encoded(scene(20 + n, 16), "PNG") for n in range(count)}


def test_every_photo_comes_back_painted_in_its_size_and_name() -> None:
    studio = Studio()
    job = studio.submit(pictures(5) | {"last.tiff": encoded(scene(), "TIFF")})
    studio.work(job)
    assert studio.jobs.get(job, "default").state is JobState.SUCCEEDED
    for number, (name, outcome) in enumerate(studio.outcomes(job).items()):
        assert outcome is not None
        assert outcome.error is None
        assert outcome.result is not None
        data = studio.objects.objects[outcome.result]
        assert len(data) == outcome.bytes
        with Image.open(io.BytesIO(data)) as result:
            assert result.size == (outcome.width, outcome.height)
            expected = scene(20 + number, 16) if name != "last.tiff" else scene()
            assert np.array_equal(np.asarray(result), 255 - np.asarray(expected))
        assert outcome.result_name == name.replace(".tiff", ".png")
    assert studio.tally.counts == {
        ("photos_total", "done"): 6,
        ("chunks_total", "finished"): 1,
    }


def test_album_sent_again_is_found_and_not_computed_again() -> None:
    """Neither the device nor a net is needed, and the results are the same, each job's own."""
    studio = Studio()
    first = studio.submit(pictures(4))
    studio.work(first)
    painted, asked = studio.engine.photos, studio.nets.asked
    second = studio.submit(pictures(4))
    studio.work(second)
    assert (studio.engine.photos, studio.nets.asked) == (painted, asked)
    before, after = studio.outcomes(first), studio.outcomes(second)
    for name, outcome in after.items():
        earlier = before[name]
        assert outcome is not None
        assert earlier is not None
        assert outcome.result != earlier.result
        objects = studio.objects
        assert objects.get(outcome.result or "") == objects.get(earlier.result or "")
        assert outcome.cached
        assert outcome.seconds == 0
    assert studio.tally.counts["photos_total", "cached"] == 4


def test_another_stroke_is_another_result() -> None:
    """A proportional stroke is painted at its own scale, and returns in the photo's size."""
    studio = Studio()
    sizes: list[tuple[int, ...]] = []
    studio.engine.seen = lambda rgb: sizes.append(rgb.shape[:2])
    jobs = [studio.submit(pictures(1)), studio.submit(pictures(1), stroke="proportional")]
    for job in jobs:
        studio.work(job)
    native, proportional = (studio.outcomes(job)["photo-0.png"] for job in jobs)
    assert sizes == [(16, 20), (819, 1024)]
    assert native is not None
    assert proportional is not None
    assert native.result != proportional.result
    assert (native.width, native.height) == (proportional.width, proportional.height) == (20, 16)


def test_result_without_its_whole_object_is_computed_again() -> None:
    studio = Studio()
    studio.work(studio.submit(pictures(1)))
    result = next(key for key in studio.results() if key.endswith(".png"))
    studio.objects.put(result, b"half")
    second = studio.submit(pictures(1))
    studio.work(second)
    assert studio.engine.photos == 2
    painted = studio.outcomes(second)["photo-0.png"]
    assert painted
    assert len(studio.objects.get(painted.result or "")) > 4


def test_a_chunk_for_which_there_is_no_thread_ends_and_is_left_to_its_lease() -> None:
    studio = Studio()
    job = studio.submit(pictures(1))
    studio.pipeline.stages.device.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        studio.work(job)
    assert studio.record(job).active[0].lease is not None


def test_a_copy_within_the_album_is_computed_once() -> None:
    studio = Studio()
    job = studio.submit(pictures(5) | {"copy.png": encoded(scene(20, 16), "PNG")})
    studio.work(job)
    assert studio.engine.photos == 5
    copy = studio.outcomes(job)["copy.png"]
    assert copy is not None
    assert copy.cached
    assert copy.result_name == "copy.png"


def test_bad_photos_fail_alone_and_say_why() -> None:
    studio = Studio()
    job = studio.submit(
        {
            "good.png": encoded(scene(), "PNG"),
            "text.jpg": TEXT,
            "gone.jpg": None,
            "heavy.jpg": encoded(scene(), "JPEG") + bytes(1_000_000),
            "archived.jpg": encoded(scene(), "JPEG"),
            "empty.jpg": b"",
            "fine.jpg": encoded(scene(), "JPEG"),
        }
    )
    studio.objects.refused.add("photos/archived.jpg")
    studio.work(job)
    reasons = {
        name: outcome.error.type if outcome and outcome.error else None
        for name, outcome in studio.outcomes(job).items()
    }
    assert reasons == {
        "good.png": None,
        "text.jpg": "not-an-image",
        "gone.jpg": "photo-missing",
        "heavy.jpg": "photo-too-many-bytes",
        "archived.jpg": "photo-refused-by-storage",
        "empty.jpg": "photo-empty",
        "fine.jpg": None,
    }
    view = studio.jobs.get(job, "default")
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 2, 5)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "photo-too-large-for-memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "photo-too-large-for-memory"),
        (ZeroDivisionError(), "internal"),
    ],
)
def test_photo_that_fails_on_the_device_fails_alone(error: Exception, reason: str) -> None:
    studio = Studio()

    def watch(number: int) -> None:
        if number == 1:
            raise error

    studio.engine.watch = watch
    job = studio.submit(pictures(4))
    studio.work(job)
    outcomes = [outcome for outcome in studio.outcomes(job).values() if outcome]
    assert [o.error.type for o in outcomes if o.error] == [reason]
    assert len(outcomes) == 4


def test_photos_of_one_size_are_painted_together_where_the_limits_allow() -> None:
    """The device waits with the first photo until the others are ready; sizes are never mixed."""
    engine = TogetherEngine()
    studio = Studio(
        limits=ConcurrencyLimits(window=9, batch=3, prefetch=1, postprocess=2), engine=engine
    )
    wide = {f"wide-{n}.png": encoded(scene(24, 16), "PNG", dpi=(n, n)) for n in range(5)}
    looked_up = threading.Event()

    def watch_store(operation: str, key: str) -> None:
        if operation == "get" and key.startswith("photos/tall"):
            looked_up.set()

    def watch(number: int) -> None:
        if number == 0:
            assert looked_up.wait(PATIENCE)

    studio.objects.watch = watch_store
    engine.watch = watch
    job = studio.submit({**wide, "tall.png": encoded(scene(16, 24), "PNG")})
    studio.work(job)
    assert studio.jobs.get(job, "default").done == 6
    assert sum(engine.batches) + engine.alone == 6
    assert max(engine.batches) == 3


def test_a_photo_that_fails_fails_alone_in_a_batch_too() -> None:
    engine = TogetherEngine()
    studio = Studio(
        limits=ConcurrencyLimits(window=9, batch=9, prefetch=1, postprocess=1), engine=engine
    )
    held = threading.Event()

    def watch_store(operation: str, key: str) -> None:
        if operation == "get" and key == "photos/photo-3.png":
            held.set()

    def watch(number: int) -> None:
        if number == 0:
            assert held.wait(PATIENCE)
        if number in (2, 4):  # first in company, then alone
            raise MemoryError

    studio.objects.watch = watch_store
    engine.watch = watch
    same = {f"photo-{n}.png": encoded(scene(20, 16), "PNG", dpi=(n, n)) for n in range(4)}
    job = studio.submit(same)
    studio.work(job)
    view = studio.jobs.get(job, "default")
    assert (view.done, view.failed) == (3, 1)


@pytest.mark.parametrize("error", [ObjectMissing("styles/a"), None])
def test_style_whose_net_is_gone_fails_its_photos(error: Exception | None) -> None:
    studio = Studio()
    studio.nets.error = error
    job = studio.submit(pictures(2))
    studio.work(job)
    view = studio.jobs.get(job, "default")
    assert view.state is (JobState.FAILED if error else JobState.SUCCEEDED)
    for outcome in studio.outcomes(job).values():
        assert outcome is not None
        assert (outcome.error is not None and outcome.error.type == "style-unusable") is bool(error)


def test_each_photo_is_named_as_in_flight_before_it_is_touched() -> None:
    studio = Studio()
    job = studio.submit(pictures(7))
    touched: list[int] = []
    named: list[int] = []

    def watch(operation: str, key: str) -> None:
        if operation == "head" and key.startswith("photos/"):
            index = int(key.removeprefix("photos/photo-").removesuffix(".png"))
            in_flight = studio.record(job).active[0].in_flight
            touched.append(index)
            named.append(len(in_flight))
            assert index in in_flight

    studio.objects.watch = watch
    studio.work(job)
    assert sorted(touched) == list(range(7))
    assert max(named) == CPU_LIMITS.window
    assert studio.jobs.get(job, "default").failed == 0


def test_chunk_with_a_suspect_goes_photo_by_photo() -> None:
    studio = Studio()
    job = studio.submit(pictures(4))
    for _ in range(2):
        studio.jobs.report(studio.claim(job), [], [2])
        studio.lose_lease(job)
    claim = studio.claim(job)
    assert claim.solo
    alone: list[tuple[int, ...]] = []

    def watch(operation: str, key: str) -> None:
        if operation == "head" and key.startswith("photos/"):
            alone.append(studio.record(job).active[0].in_flight)

    studio.objects.watch = watch
    studio.pipeline.run(claim)
    assert alone == [(0,), (1,), (2,), (3,)]


def test_next_photo_is_decoded_while_the_device_is_busy() -> None:
    """The device's first photo is not finished before the second one has been looked up."""
    studio = Studio()
    second_looked_up = threading.Event()

    def watch_store(operation: str, key: str) -> None:
        if key.startswith("tenants/default/receipts/") and operation == "get":
            lookups.append(key)
            if len(lookups) == 2:
                second_looked_up.set()

    lookups: list[str] = []
    met: list[bool] = []
    studio.objects.watch = watch_store
    studio.engine.watch = lambda _number: met.append(second_looked_up.wait(PATIENCE))
    studio.work(studio.submit(pictures(2)))
    assert met == [True, True]


def test_result_is_stored_and_committed_while_the_device_is_busy() -> None:
    """The device holds the second photo until the first one is committed."""
    studio = Studio()
    job = studio.submit(pictures(2))
    met: list[bool] = []

    def first_is_committed() -> bool:
        deadline = time.monotonic() + PATIENCE
        while studio.record(job).done == 0 and time.monotonic() < deadline:
            threading.Event().wait(0.001)
        return studio.record(job).done == 1

    def watch(number: int) -> None:
        if number == 1:
            met.append(first_is_committed())

    studio.engine.watch = watch
    studio.work(job)
    assert met == [True]


def test_lost_lease_stops_the_chunk_and_nothing_more_is_written() -> None:
    studio = Studio()
    job = studio.submit(pictures(6))

    def watch(number: int) -> None:
        if number == 0:
            studio.lose_lease(job)
            # Another worker has the chunk now.
            assert studio.jobs.claim(job, 0, "worker-2") is not None

    studio.engine.watch = watch
    studio.work(job)
    assert studio.record(job).done == 0
    # The one painted photo may have been stored before its commit was refused, no other.
    assert len(studio.results()) <= 2
    assert studio.engine.photos <= CPU_LIMITS.window
    lease = studio.record(job).active[0].lease
    assert lease is not None
    assert lease.worker == "worker-2"
    assert studio.tally.counts["chunks_total", "lost"] == 1


def test_cancelled_job_stops_and_keeps_what_is_done() -> None:
    studio = Studio()
    job = studio.submit(pictures(8))

    def watch(number: int) -> None:
        if number == 3:
            studio.jobs.cancel(job, "default")

    studio.engine.watch = watch
    studio.work(job)
    view = studio.jobs.get(job, "default")
    assert view.state is JobState.CANCELLED
    assert 1 <= view.done <= studio.engine.photos <= 3 + CPU_LIMITS.window


def test_outage_of_the_bucket_is_no_photos_failure() -> None:
    """Each access to photos and results fails once; everything is done in the end."""
    studio = Studio()
    job = studio.submit(pictures(2))
    failed: set[tuple[str, str]] = set()

    def watch(operation: str, key: str) -> None:
        ours = key.startswith(("photos/", "tenants/default/receipts/")) or "/results/" in key
        if ours and (operation, key) not in failed:
            failed.add((operation, key))
            raise away()

    studio.objects.watch = watch
    studio.work(job)
    view = studio.jobs.get(job, "default")
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 2, 0)
    assert {operation for operation, _ in failed} == {"head", "get", "put"}


def test_outage_of_redis_is_no_photos_failure() -> None:
    studio = Studio()
    job = studio.submit(pictures(3))

    def watch(number: int) -> None:
        if number == 0:
            studio.records.down = True
            threading.Timer(0.1, lambda: setattr(studio.records, "down", False)).start()

    studio.engine.watch = watch
    studio.work(job)
    assert studio.jobs.get(job, "default").done == 3


def test_outage_that_outlives_the_lease_leaves_the_chunk_to_the_sweeper() -> None:
    studio = Studio()
    job = studio.submit(pictures(3))
    claim = studio.claim(job)

    def watch(operation: str, key: str) -> None:
        if key.startswith("photos/"):
            studio.clock.advance(studio.settings.lease_seconds)
            raise away()

    studio.objects.watch = watch
    studio.pipeline.run(claim)
    assert studio.record(job).failed == 0
    assert studio.tally.counts == {("chunks_total", "lost"): 1}
    studio.objects.watch = lambda _operation, _key: None
    assert studio.record(job).active[0].strikes == {}
    studio.lose_lease(job)
    studio.work(job)
    assert studio.jobs.get(job, "default").state is JobState.SUCCEEDED


def test_stop_gives_the_chunk_back_between_photos_and_keeps_what_is_done() -> None:
    studio = Studio()
    job = studio.submit(pictures(8))
    studio.notifier.messages.clear()

    def watch(number: int) -> None:
        if number == 2:
            studio.stop.set()

    studio.engine.watch = watch
    studio.work(job)
    record = studio.record(job)
    assert studio.engine.photos == 3
    assert record.done == 3
    assert record.active[0].lease is None
    assert record.active[0].strikes == {}
    assert studio.notifier.messages == [(job, 0)]
    assert studio.tally.counts["chunks_total", "released"] == 1
    studio.stop.clear()
    studio.work(job)
    assert studio.jobs.get(job, "default").done == 8
    assert studio.engine.photos == 8


def test_stop_leaves_a_photo_in_the_middle_that_is_long_at_work() -> None:
    """What was painted before is kept, and the photo is begun anew later."""
    studio = Studio()
    job = studio.submit(pictures(4))

    def watch(number: int) -> None:
        if number == 2:
            studio.engine.seconds = PATIENCE
            studio.stop.set()

    studio.engine.watch = watch
    studio.work(job)
    assert studio.engine.photos == 3
    assert studio.record(job).done == 2
    assert studio.record(job).active[0].lease is None
    assert studio.tally.counts["chunks_total", "released"] == 1
    studio.stop.clear()
    studio.engine.seconds = 0
    studio.work(job)
    assert studio.jobs.get(job, "default").state is JobState.SUCCEEDED
    assert studio.engine.photos == 5


def test_cancelled_job_ends_a_photo_in_the_middle() -> None:
    """The heartbeat hears of it, and the photo looks between its tiles."""
    studio = Studio(heartbeat_seconds=0)
    job = studio.submit(pictures(3))
    studio.engine.seconds = PATIENCE
    cancelled: list[JobView] = []
    studio.engine.watch = lambda _number: cancelled.append(studio.jobs.cancel(job, "default"))
    studio.work(job)
    assert studio.jobs.get(job, "default").state is JobState.CANCELLED
    assert studio.engine.photos == 1
    assert studio.record(job).done == 0


def test_end_of_the_process_gives_the_chunk_back() -> None:
    studio = Studio()
    job = studio.submit(pictures(4))

    def watch(number: int) -> None:
        if number == 1:
            raise SystemExit(0)

    studio.engine.watch = watch
    with pytest.raises(SystemExit):
        studio.work(job)
    chunk = studio.record(job).active[0]
    assert chunk.lease is None
    assert chunk.strikes == {}


def test_unexpected_error_of_the_service_leaves_the_chunk_to_its_lease() -> None:
    """Given back at once, it would come again at once, and for ever."""
    studio = Studio()
    job = studio.submit(pictures(2))

    def watch(operation: str, key: str) -> None:
        if operation == "put" and "/outcomes/" in key:
            raise ZeroDivisionError

    studio.objects.watch = watch
    with pytest.raises(ZeroDivisionError):
        studio.work(job)
    assert studio.record(job).active[0].lease is not None


def test_chunk_whose_photos_all_have_an_outcome_is_just_handed_in() -> None:
    """The worker before was killed between its last commit and handing in."""
    studio = Studio()
    job = studio.submit(pictures(2))
    studio.jobs.report(studio.claim(job), [PhotoOutcome(index=n, result="r") for n in range(2)])
    studio.lose_lease(job)
    again = studio.claim(job)
    assert again.photos == ()
    studio.pipeline.run(again)
    assert studio.jobs.get(job, "default").state is JobState.SUCCEEDED
    assert studio.engine.photos == 0


def test_seconds_are_those_of_work_and_not_of_waiting() -> None:
    """The bucket takes 5 s, the device 2 s: the photo took 2."""
    studio = Studio()
    job = studio.submit(pictures(1))

    def watch(operation: str, key: str) -> None:
        if key.startswith("photos/"):
            studio.clock.advance(5)

    studio.objects.watch = watch
    studio.engine.watch = lambda _number: studio.clock.advance(2)
    studio.work(job)
    (outcome,) = studio.outcomes(job).values()
    assert outcome is not None
    assert outcome.seconds == pytest.approx(2)
