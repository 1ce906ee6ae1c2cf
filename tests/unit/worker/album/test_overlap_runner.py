"""Chunk after chunk without a gap: the next begins before the one before has ended."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from infra.jobs.domain.model import JobState
from tests.fakes.album import AlbumHarness
from tests.photos import encoded, scene
from worker.album.overlap_runner import ChunkOverlapRunner
from worker.album.stages import CPU_LIMITS, Slots

#: Seconds after which a test that waits for another thread gives up.
PATIENCE = 10
#: Seconds from one heartbeat to the next.
HEARTBEAT = 0.05


def pictures(count: int) -> dict[str, bytes | None]:
    return {f"photo-{n}.png": encoded(scene(20 + n, 16), "PNG") for n in range(count)}


def patiently(condition: Callable[[], bool]) -> bool:
    """Wait until something is so; False when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def overlap_runner(harness: AlbumHarness) -> ChunkOverlapRunner:
    return ChunkOverlapRunner(pipeline=harness.pipeline, stop=harness.stop)


def test_the_next_chunk_begins_while_the_last_photo_of_the_one_before_is_painted() -> None:
    """The first chunk's last photo is held on the device until the second chunk was claimed."""
    harness = AlbumHarness(chunk_photos=2)
    job = harness.submit(pictures(6))
    claimed, met = threading.Event(), list[bool]()

    def watch(number: int) -> None:
        if number == 1:
            met.append(claimed.wait(PATIENCE))

    harness.engine.watch = watch
    runner = overlap_runner(harness)
    runner.run(harness.claim(job, 0))
    second = harness.claim(job, 1)
    claimed.set()
    runner.run(second)
    runner.run(harness.claim(job, 2))
    runner.finish()
    assert met == [True]
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED
    assert harness.jobs.queries.get(job, "default").done == 6


def test_no_more_photos_are_at_work_than_the_window_has_slots_for() -> None:
    """Over all chunks: a photo is named as in flight only when there is a slot for it."""
    harness = AlbumHarness(chunk_photos=4)
    job = harness.submit(pictures(16))
    seen: list[int] = []

    def watch(_number: int) -> None:
        seen.append(sum(len(chunk.in_flight) for chunk in harness.record(job).active.values()))

    harness.engine.watch = watch
    runner = overlap_runner(harness)
    for number in range(4):
        runner.run(harness.claim(job, number))
    runner.finish()
    assert harness.jobs.queries.get(job, "default").done == 16
    assert max(seen) <= CPU_LIMITS.window


def test_a_chunk_with_a_suspect_is_worked_alone() -> None:
    harness = AlbumHarness(chunk_photos=2)
    job = harness.submit(pictures(4))
    for _ in range(2):
        harness.jobs.chunks.report(harness.claim(job, 1), [], [2])
        harness.lose_lease(job)
    alone: list[int] = []

    def watch(_number: int) -> None:
        alone.append(sum(len(chunk.in_flight) for chunk in harness.record(job).active.values()))

    runner = overlap_runner(harness)
    runner.run(harness.claim(job, 0))
    suspect = harness.claim(job, 1)
    assert suspect.solo
    harness.engine.watch = watch
    runner.run(suspect)
    assert alone[-2:] == [1, 1]
    assert harness.jobs.queries.get(job, "default").state is JobState.SUCCEEDED


def test_a_chunk_that_is_to_be_worked_alone_holds_its_lease_while_it_waits() -> None:
    """The chunk before may have photos that take minutes."""
    harness = AlbumHarness(chunk_photos=1, heartbeat_seconds=HEARTBEAT)
    job = harness.submit(pictures(2))
    for _ in range(2):
        harness.jobs.chunks.report(harness.claim(job, 1), [], [1])
        harness.lose_lease(job)
    claimed, held = threading.Event(), list[bool]()

    def beats() -> bool:
        """Let half a lease pass; whether all that is claimed stays so for about as long."""
        harness.clock.advance(harness.settings.lease_seconds / 2)
        return patiently(lasting)

    def lasting() -> bool:
        harness.clock.advance(HEARTBEAT)  # one is due now
        wanted = harness.clock.now + 0.4 * harness.settings.lease_seconds
        leases = [chunk.lease for chunk in harness.record(job).active.values()]
        return all(lease is not None and lease.expires > wanted for lease in leases)

    def watch(number: int) -> None:
        if number == 0:
            assert claimed.wait(PATIENCE)
            held.extend(beats() for _ in range(3))

    harness.engine.watch = watch
    runner = overlap_runner(harness)
    runner.run(harness.claim(job, 0))
    suspect = harness.claim(job, 1)
    assert suspect.solo
    claimed.set()
    runner.run(suspect)
    runner.finish()
    assert held == [True] * 3
    assert harness.jobs.queries.get(job, "default").done == 2


def test_a_stop_gives_both_chunks_back_before_the_task_ends() -> None:
    harness = AlbumHarness(chunk_photos=4)
    job = harness.submit(pictures(8))
    painting, go_on = threading.Event(), threading.Event()

    def watch(number: int) -> None:
        if number == 3:
            painting.set()
            go_on.wait(PATIENCE)

    harness.engine.watch = watch
    runner = overlap_runner(harness)
    runner.run(harness.claim(job, 0))
    second = harness.claim(job, 1)
    assert painting.wait(PATIENCE)
    harness.stop.set()
    threading.Timer(0.05, go_on.set).start()
    runner.run(second)
    record = harness.record(job)
    assert record.done == harness.engine.photos == 4
    assert all(chunk.lease is None and not chunk.strikes for chunk in record.active.values())


def test_a_chunk_that_ends_in_an_error_does_not_take_the_next_with_it() -> None:
    harness = AlbumHarness(chunk_photos=2)
    job = harness.submit(pictures(4))

    def watch(operation: str, key: str) -> None:
        if operation == "put" and "/outcomes/000000/" in key:
            raise ZeroDivisionError

    harness.objects.watch = watch
    runner = overlap_runner(harness)
    runner.run(harness.claim(job, 0))
    runner.run(harness.claim(job, 1))
    runner.finish()
    record = harness.record(job)
    assert list(record.active) == [0]
    assert record.active[0].lease is not None
    assert record.done == 2


def test_an_end_of_the_process_gives_the_chunks_back_first() -> None:
    command = [sys.executable, "-m", "tests.fakes.runner_that_ends"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    message = json.loads(run.stdout.splitlines()[-1])
    assert message == {"leased": False, "strikes": {}, "done": 2, "painted": 2}


def test_an_end_of_the_process_while_a_chunk_is_started_gives_it_back_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = AlbumHarness(chunk_photos=8)
    job = harness.submit(pictures(8))
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name.startswith("chunk-"):
            raise SystemExit(0)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(SystemExit):
        overlap_runner(harness).run(harness.claim(job, 0))
    assert harness.record(job).active[0].lease is None


def test_slots_that_are_given_back_are_announced_once() -> None:
    slots, freed = Slots(2), list[str]()
    assert slots.take(2, lambda: freed.append("first")) == 2

    def second() -> None:
        freed.append("second")

    assert slots.take(1, second) == 0
    assert slots.take(1, second) == 0
    slots.give_back(1)
    assert freed == ["second"]
    assert slots.take(2, second) == 1
    slots.give_back(2)
    assert freed == ["second", "second"]


@pytest.mark.parametrize("photos", [1, 9])
def test_the_slot_of_every_photo_is_free_in_the_end(photos: int) -> None:
    harness = AlbumHarness(chunk_photos=9)
    harness.work(harness.submit(pictures(photos)))
    assert harness.pipeline.stages.slots.take(99, lambda: None) == CPU_LIMITS.window
