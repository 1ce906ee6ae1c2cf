"""The album pipeline over a real job service in memory."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from infra.jobs.domain.model import JobState
from infra.storage.port import ObjectMissing
from tests.fakes.album import AlbumHarness, TogetherEngine, pictures
from tests.photos import TEXT, encoded, scene
from worker.album.stages import ConcurrencyLimits

#: Seconds after which a test that waits for another thread gives up.
PATIENCE = 10


def test_every_photo_comes_back_painted_in_its_size_and_name() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(5) | {"last.tiff": encoded(scene(), "TIFF")})
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED
    for number, (name, outcome) in enumerate(harness.outcomes(job).items()):
        assert outcome is not None
        assert outcome.error is None
        assert outcome.result is not None
        data = harness.objects.objects[outcome.result]
        assert len(data) == outcome.bytes
        with Image.open(io.BytesIO(data)) as result:
            assert result.size == (outcome.width, outcome.height)
            expected = scene(20 + number, 16) if name != "last.tiff" else scene()
            assert np.array_equal(np.asarray(result), 255 - np.asarray(expected))
        assert outcome.result_name == name.replace(".tiff", ".png")
    assert harness.tally.counts == {
        ("photos_total", "done"): 6,
        ("chunks_total", "finished"): 1,
    }


def test_result_has_the_name_that_its_album_planned() -> None:
    """Of the photos a.bmp, a.png and a.tif each becomes a PNG; the second keeps its name."""
    harness = AlbumHarness()
    kinds = {"a.bmp": "BMP", "a.png": "PNG", "a.tif": "TIFF"}
    album = {name: encoded(scene(20 + len(kind), 16), kind) for name, kind in kinds.items()}
    stems = {"a.bmp": "a-2", "a.png": "a-4", "a.tif": "a-3"}
    for _ in range(2):  # painted, and found again
        job = harness.submit(album, stems=stems)
        harness.work(job)
        names = [outcome and outcome.result_name for outcome in harness.outcomes(job).values()]
        assert names == ["a-2.png", "a.png", "a-3.png"]


def test_album_sent_again_is_found_and_not_computed_again() -> None:
    """Neither the device nor a net is needed, and the results are the same, each job's own."""
    harness = AlbumHarness()
    first = harness.submit(pictures(4))
    harness.work(first)
    painted, asked = harness.engine.photos, harness.nets.asked
    second = harness.submit(pictures(4))
    harness.work(second)
    assert (harness.engine.photos, harness.nets.asked) == (painted, asked)
    before, after = harness.outcomes(first), harness.outcomes(second)
    for name, outcome in after.items():
        earlier = before[name]
        assert outcome is not None
        assert earlier is not None
        assert outcome.result != earlier.result
        objects = harness.objects
        assert objects.get(outcome.result or "") == objects.get(earlier.result or "")
        assert outcome.cached
        assert outcome.seconds == 0
    assert harness.tally.counts["photos_total", "cached"] == 4


def test_another_stroke_is_another_result() -> None:
    """A proportional stroke is painted at its own scale, and returns in the photo's size."""
    harness = AlbumHarness()
    sizes: list[tuple[int, ...]] = []
    harness.engine.seen = lambda rgb: sizes.append(rgb.shape[:2])
    jobs = [harness.submit(pictures(1)), harness.submit(pictures(1), stroke="proportional")]
    for job in jobs:
        harness.work(job)
    native, proportional = (harness.outcomes(job)["photo-0.png"] for job in jobs)
    assert sizes == [(16, 20), (819, 1024)]
    assert native is not None
    assert proportional is not None
    assert native.result != proportional.result
    assert (native.width, native.height) == (proportional.width, proportional.height) == (20, 16)


def test_result_without_its_whole_object_is_computed_again() -> None:
    harness = AlbumHarness()
    harness.work(harness.submit(pictures(1)))
    result = next(key for key in harness.results() if key.endswith(".png"))
    harness.objects.put(result, b"half")
    second = harness.submit(pictures(1))
    harness.work(second)
    assert harness.engine.photos == 2
    painted = harness.outcomes(second)["photo-0.png"]
    assert painted
    assert len(harness.objects.get(painted.result or "")) > 4


def test_a_chunk_for_which_there_is_no_thread_ends_and_is_left_to_its_lease() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(1))
    harness.pipeline.stages.device.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        harness.work(job)
    assert harness.record(job).active[0].lease is not None


def test_a_copy_within_the_album_is_computed_once() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(5) | {"copy.png": encoded(scene(20, 16), "PNG")})
    harness.work(job)
    assert harness.engine.photos == 5
    copy = harness.outcomes(job)["copy.png"]
    assert copy is not None
    assert copy.cached
    assert copy.result_name == "copy.png"


def test_bad_photos_fail_alone_and_say_why() -> None:
    harness = AlbumHarness()
    job = harness.submit(
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
    harness.objects.refused.add("photos/archived.jpg")
    harness.work(job)
    reasons = {
        name: outcome.error.type if outcome and outcome.error else None
        for name, outcome in harness.outcomes(job).items()
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
    view = harness.jobs.queries.get(job, "default")
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
    harness = AlbumHarness()

    def watch(number: int) -> None:
        if number == 1:
            raise error

    harness.engine.watch = watch
    job = harness.submit(pictures(4))
    harness.work(job)
    outcomes = [outcome for outcome in harness.outcomes(job).values() if outcome]
    assert [o.error.type for o in outcomes if o.error] == [reason]
    assert len(outcomes) == 4


def test_photos_of_one_size_are_painted_together_where_the_limits_allow() -> None:
    """The device waits with the first photo until the others are ready; sizes are never mixed."""
    engine = TogetherEngine()
    harness = AlbumHarness(
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

    harness.objects.watch = watch_store
    engine.watch = watch
    job = harness.submit({**wide, "tall.png": encoded(scene(16, 24), "PNG")})
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").done == 6
    assert sum(engine.batches) + engine.alone == 6
    assert max(engine.batches) == 3


def test_a_photo_that_fails_fails_alone_in_a_batch_too() -> None:
    engine = TogetherEngine()
    harness = AlbumHarness(
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

    harness.objects.watch = watch_store
    engine.watch = watch
    same = {f"photo-{n}.png": encoded(scene(20, 16), "PNG", dpi=(n, n)) for n in range(4)}
    job = harness.submit(same)
    harness.work(job)
    view = harness.jobs.queries.get(job, "default")
    assert (view.done, view.failed) == (3, 1)


@pytest.mark.parametrize("error", [ObjectMissing("styles/a"), None])
def test_style_whose_net_is_gone_fails_its_photos(error: Exception | None) -> None:
    harness = AlbumHarness()
    harness.nets.error = error
    job = harness.submit(pictures(2))
    harness.work(job)
    view = harness.jobs.queries.get(job, "default")
    assert view.state is (JobState.FAILED if error else JobState.SUCCEEDED)
    for outcome in harness.outcomes(job).values():
        assert outcome is not None
        assert (outcome.error is not None and outcome.error.type == "style-unusable") is bool(error)


def test_next_photo_is_decoded_while_the_device_is_busy() -> None:
    """The device's first photo is not finished before the second one has been looked up."""
    harness = AlbumHarness()
    second_looked_up = threading.Event()

    def watch_store(operation: str, key: str) -> None:
        if key.startswith("tenants/default/receipts/") and operation == "get":
            lookups.append(key)
            if len(lookups) == 2:
                second_looked_up.set()

    lookups: list[str] = []
    met: list[bool] = []
    harness.objects.watch = watch_store
    harness.engine.watch = lambda _number: met.append(second_looked_up.wait(PATIENCE))
    harness.work(harness.submit(pictures(2)))
    assert met == [True, True]


def test_result_is_stored_and_committed_while_the_device_is_busy() -> None:
    """The device holds the second photo until the first one is committed."""
    harness = AlbumHarness()
    job = harness.submit(pictures(2))
    met: list[bool] = []

    def first_is_committed() -> bool:
        deadline = time.monotonic() + PATIENCE
        while harness.record(job).done == 0 and time.monotonic() < deadline:
            threading.Event().wait(0.001)
        return harness.record(job).done == 1

    def watch(number: int) -> None:
        if number == 1:
            met.append(first_is_committed())

    harness.engine.watch = watch
    harness.work(job)
    assert met == [True]


def test_seconds_are_those_of_work_and_not_of_waiting() -> None:
    """The bucket takes 5 s, the device 2 s: the photo took 2."""
    harness = AlbumHarness()
    job = harness.submit(pictures(1))

    def watch(_operation: str, key: str) -> None:
        harness.clock.advance(5 if key.startswith("photos/") else 0)

    harness.objects.watch = watch
    harness.engine.watch = lambda _number: harness.clock.advance(2)
    harness.work(job)
    (outcome,) = harness.outcomes(job).values()
    assert outcome is not None
    assert outcome.seconds == pytest.approx(2)
