"""Promises that a campaign cannot show by itself: what a flush and a stop cost."""

import signal
import time
from pathlib import Path

import pytest

from impasto_client import Client, ItemState, JobState
from tests.faults.campaign.albums import Gallery, check_results, watch_until
from tests.faults.campaign.flushed_album import flush_in_the_middle
from tests.faults.stack.fault_stack import READY_SECONDS, WORKERS, FaultStack
from tests.integration.live_stack import wait_until

#: Seconds within which a worker that is to end has given its chunk back.
GIVE_BACK_SECONDS = 10.0
#: Seconds that S3 stalls while a worker is told to end: longer than it may wait.
STALL_SECONDS = 15.0

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def gallery(faulty: FaultStack, tmp_path: Path) -> Gallery:
    """Sends albums when it is asked to."""
    faulty.wait_ready(READY_SECONDS)
    return Gallery(faulty.url, tmp_path / "photos", first=500)


def test_an_album_survives_a_flush_in_its_middle_and_repeats_nothing(
    faulty: FaultStack, client: Client, gallery: Gallery, tmp_path: Path
) -> None:
    """Exactly one result each, and what was done before is not computed again."""
    flushed = flush_in_the_middle(faulty, client, gallery, photos=48, out=tmp_path)
    assert 0 < flushed.done_before < flushed.photos
    assert flushed.repeated == []
    assert flushed.wrong == []


def test_a_worker_that_is_to_end_gives_its_chunk_back_in_time(
    faulty: FaultStack, client: Client, gallery: Gallery, tmp_path: Path
) -> None:
    """Although its photos are stuck in a bucket that does not answer."""
    for name in WORKERS:
        wait_until(lambda name=name: bool(faulty.pool(name)), f"a child of {name}", READY_SECONDS)

    def running() -> bool:
        items = client.page(album.job, start=0)
        return any(item.state is ItemState.RUNNING for item in items)

    with faulty.storage.stalled(b"/results/", STALL_SECONDS):
        album = gallery.submit(client, 8)
        wait_until(running, "photos at work", READY_SECONDS)
        told = time.time()
        for name in WORKERS:
            faulty.kill(name, signal.SIGTERM)
        wait_until(lambda: not running(), "the chunk to be given back", READY_SECONDS)

    def given_back() -> list[float]:
        times = [at for name in WORKERS for at, _ in faulty.events(name, "work given back")]
        return [at for at in times if at > told]

    wait_until(lambda: bool(given_back()), "the worker's word of it", READY_SECONDS)
    assert min(given_back()) < told + GIVE_BACK_SECONDS
    job = watch_until(client, album, lambda job: job.state.terminal, "the album", READY_SECONDS)
    assert job.state is JobState.SUCCEEDED
    assert check_results(client, album, tmp_path) == album.wrong == []
