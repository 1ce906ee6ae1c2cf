"""Photos that S3 refuses while it serves others, over a real job service in memory."""

from collections.abc import Callable

import pytest

from infra.jobs.domain.deferral import RETRY_ROUNDS
from infra.jobs.domain.model import JobState
from tests.fakes.album import BLEND, AlbumHarness, away
from tests.photos import encoded, scene
from worker.album.stages import ConcurrencyLimits


def pictures(count: int) -> dict[str, bytes | None]:
    """So many photos that all differ."""
    return {f"photo-{n}.png": encoded(scene(20 + n, 16), "PNG") for n in range(count)}


def unreadable(*numbers: int) -> Callable[[str, str], None]:
    """Return what to watch a store with that never gives these photos, and all else."""
    keys = {f"photos/photo-{number}.png" for number in numbers}

    def watch(asked: str, key: str) -> None:
        if asked == "get" and key in keys:
            raise away()

    return watch


def work_rounds(harness: AlbumHarness, job: str, rounds: int) -> None:
    """Work the first chunk in so many rounds, each as soon as a sweep sends its message."""
    harness.notifier.messages.clear()
    for _ in range(rounds):
        harness.work(job)
        assert harness.notifier.messages == [], "it would come again at once, and for ever"
        harness.clock.advance(harness.settings.ring_patience_seconds)
        harness.jobs.sweep.run()
        if not harness.jobs.queries.get(job, "default").state.terminal:
            assert harness.notifier.messages.pop() == (job, 0)


def test_photo_that_is_never_given_fails_alone_and_its_album_ends() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(4))
    harness.objects.watch = unreadable(2)
    work_rounds(harness, job, RETRY_ROUNDS - 1)
    assert (harness.record(job).done, harness.record(job).failed) == (3, 0)
    harness.jobs.sweep.run()
    harness.work(job)
    view = harness.jobs.queries.get(job, "default")
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 3, 1)
    outcome = harness.outcomes(job)["photo-2.png"]
    assert outcome
    assert outcome.error
    assert outcome.error.type == "photo-refused-by-storage"
    assert "'photos/photo-2.png'. S3 is away (in this test)." in outcome.error.detail
    assert harness.tally.counts["chunks_total", "put-off"] == RETRY_ROUNDS - 1


def test_album_of_which_nothing_is_given_ends() -> None:
    """A policy may refuse a whole prefix: then the job's own manifest can be read."""
    harness = AlbumHarness()
    job = harness.submit(pictures(3))
    harness.objects.watch = unreadable(0, 1, 2)
    work_rounds(harness, job, RETRY_ROUNDS)
    assert harness.jobs.queries.get(job, "default").state is JobState.FAILED
    harness.objects.put(BLEND[0].key, b"a net")
    assert harness.jobs.submission.retry(job, "default").total == 3


def test_photo_that_is_given_in_a_later_round_is_painted() -> None:
    harness = AlbumHarness()
    job = harness.submit(pictures(2))
    harness.objects.watch = unreadable(1)
    work_rounds(harness, job, RETRY_ROUNDS - 1)
    harness.objects.watch = lambda _operation, _key: None
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").done == 2


def test_outage_of_everything_is_no_photos_round() -> None:
    """However often it happens."""
    harness = AlbumHarness()
    job = harness.submit(pictures(2))

    def watch(operation: str, key: str) -> None:
        if key.startswith("photos/"):
            harness.clock.advance(harness.settings.lease_seconds)
        if operation in ("head", "get"):
            raise away()

    for _ in range(RETRY_ROUNDS + 1):
        claim = harness.claim(job)
        harness.objects.watch = watch
        harness.pipeline.run(claim)
        harness.objects.watch = lambda _operation, _key: None
        assert harness.record(job).failed == 0
        harness.lose_lease(job)
    assert harness.record(job).active[0].retry_rounds == {}
    harness.work(job)
    assert harness.jobs.queries.get(job, "default").done == 2


def test_deferred_photo_holds_no_place_and_is_not_in_flight() -> None:
    """The photos behind it are painted in the same round, and should one of them take the worker
    down, it is not blamed."""
    harness = AlbumHarness(limits=ConcurrencyLimits(window=1, batch=1, prefetch=1, postprocess=1))
    job = harness.submit(pictures(3))
    harness.objects.watch = unreadable(0)
    flying: list[tuple[int, ...]] = []
    harness.engine.watch = lambda _number: flying.append(harness.record(job).active[0].in_flight)
    harness.work(job)
    assert flying == [(1,), (2,)]
    assert harness.record(job).done == 2
    # Its slot is free for the next album.
    other = harness.submit({"other.png": encoded(scene(), "PNG")})
    harness.work(other)
    assert harness.jobs.queries.get(other, "default").done == 1


def test_stop_is_no_round() -> None:
    """A worker that is to end gives back at once what others can go on with."""
    harness = AlbumHarness(limits=ConcurrencyLimits(window=1, batch=1, prefetch=1, postprocess=1))
    job = harness.submit(pictures(3))
    harness.objects.watch = unreadable(0)
    harness.engine.watch = lambda _number: harness.stop.set()
    harness.notifier.messages.clear()
    harness.work(job)
    assert harness.record(job).active[0].retry_rounds == {}
    assert harness.notifier.messages == [(job, 0)]


@pytest.mark.parametrize("part", ["/receipts/", "/results/"])
def test_an_earlier_result_that_is_unreadable_is_made_anew(part: str) -> None:
    """Waiting for it, an album would never end; an outage is waited for still."""
    harness = AlbumHarness()
    harness.work(harness.submit(pictures(2)))
    painted = harness.engine.photos
    again = harness.submit(pictures(2))

    def watch(operation: str, key: str) -> None:
        if operation in ("get", "head", "copy") and part in key:
            raise away()

    harness.objects.watch = watch
    harness.work(again)
    assert harness.jobs.queries.get(again, "default").done == 2
    assert harness.engine.photos == painted + 2
