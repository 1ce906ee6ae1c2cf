"""Albums through the whole service: HTTP, Redis, a Celery worker and S3, all real."""

import io
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import psutil
import pytest
from PIL import Image
from redis import Redis

from impasto_client import Client, Item, ItemState, Job, JobState
from infra.storage.s3 import S3Store, connect_s3
from tests.integration.live_stack import LiveStack, wait_until
from tests.photos import encoded, good_photos, hostile_photos, scene

STYLE = "water-lilies"
#: Seconds that an album of these tests may take, deaths of workers and servers included.
ALBUM_SECONDS = 120.0


@pytest.fixture
def client(stack: LiveStack) -> Iterator[Client]:
    stack.wait_ready()
    with Client(stack.url) as client:
        yield client


@pytest.fixture
def bucket(stack: LiveStack) -> S3Store:
    return connect_s3(stack.settings)


def write(folder: Path, photos: dict[str, bytes]) -> list[Path]:
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in photos]


def distinct(count: int, side: int = 320) -> dict[str, bytes]:
    """Photos that no cache takes for one another."""
    return {f"{n:03d}.jpg": encoded(scene(side + n, side), "JPEG") for n in range(count)}


class Monotone:
    """Watches a job, and that its counts never run backwards nor past the total."""

    def __init__(self, client: Client, job: str) -> None:
        self._client = client
        self._job = job
        self._seen = (0, 0)

    def look(self) -> Job:
        job = self._client.patiently(lambda: self._client.job(self._job))
        now = (job.counts.done, job.counts.failed)
        assert now[0] >= self._seen[0]
        assert now[1] >= self._seen[1]
        assert sum(now) <= job.counts.total
        self._seen = now
        return job

    def until(self, condition: Callable[[Job], bool], what: str) -> Job:
        wait_until(lambda: condition(self.look()), what, ALBUM_SECONDS)
        return self.look()


def finished(job: Job) -> bool:
    return job.state.terminal


def picture(client: Client, item: Item, folder: Path) -> Image.Image:
    image = Image.open(io.BytesIO(client.download(item, folder).read_bytes()))
    image.load()
    return image


def test_every_kind_of_photo_comes_back_and_bad_ones_say_why(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    """One album of everything: sizes exact, reasons typed, the worker still the same process."""
    worker, child = stack.pid("worker"), stack.pool_child().pid
    good, hostile = good_photos(), hostile_photos()
    photos = write(tmp_path, {**good, **{name: file.data for name, file in hostile.items()}})
    job = client.submit(photos, style=STYLE)
    job = Monotone(client, job.id).until(finished, "the album to end")
    assert job.state is JobState.SUCCEEDED
    items = {item.name: item for item in client.items(job.id)}
    for name, file in hostile.items():
        error = items[name].error
        assert error is not None, name
        assert error.type == file.reason, name
    for name, data in good.items():
        item = items[name]
        assert item.state is ItemState.DONE, (name, item.error)
        upright = upright_size(data)
        assert picture(client, item, tmp_path / "out").size == upright, name
    assert (job.counts.done, job.counts.failed) == (len(good), len(hostile))
    assert (stack.pid("worker"), stack.pool_child().pid) == (worker, child)


def upright_size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        turned = image.getexif().get(0x0112, 1) >= 5
        return (image.height, image.width) if turned else image.size


@pytest.mark.parametrize("victim", ["child", "worker", "redis", "s3", "api"])
def test_an_album_survives_kill_9_in_its_middle(
    stack: LiveStack, client: Client, tmp_path: Path, victim: str
) -> None:
    """Forty photos, each with exactly one result, counts that only grow."""
    base = {"child": 300, "worker": 301, "redis": 302, "s3": 303, "api": 304}[victim]
    job = client.submit(write(tmp_path, distinct(40, base)), style=STYLE)
    watch = Monotone(client, job.id)
    watch.until(lambda now: now.counts.done >= 6, "some photos to be done")
    assert not watch.look().state.terminal
    if victim == "child":
        stack.pool_child().kill()
    else:
        stack.wait_back(victim, stack.kill(victim))
    job = watch.until(finished, "the album to end")
    assert job.state is JobState.SUCCEEDED
    assert job.counts.done == 40
    items = list(client.items(job.id))
    assert [item.index for item in items] == list(range(40))
    assert len({item.result for item in items}) == 40
    for item in items:
        size = (base + item.index, base)
        assert picture(client, item, tmp_path / "out").size == size


def net_loads(stack: LiveStack) -> float:
    """The counter of loaded nets, read as Prometheus would."""
    with urllib.request.urlopen(stack.url + "/metrics") as response:
        lines = response.read().decode().splitlines()
    return sum(float(li.split()[-1]) for li in lines if li.startswith("impasto_net_loads_total"))


def test_a_net_is_loaded_once_for_forty_photos_and_not_again_for_the_next_job(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    """A strength of its own makes this a blend that no other test has loaded."""
    before = net_loads(stack)
    photos = write(tmp_path, distinct(40, 40))
    for album in (photos, photos[:3]):
        job = client.submit(album, style=STYLE, strength=0.515)
        Monotone(client, job.id).until(finished, "the album to end")
        assert net_loads(stack) == before + 1


def test_a_path_of_strengths_begins_at_the_photo(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    """At 0 a photo comes back as it was, without a net; and each step further is further away."""
    noise = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    photos = distinct(2, 90) | {"noise.jpg": encoded(Image.fromarray(noise), "JPEG", quality=95)}
    files, before = write(tmp_path, photos), net_loads(stack)
    away: list[list[float]] = []
    for strength in (0.0, 0.1, 0.2):
        job = client.submit(files, style=STYLE, strength=strength)
        job = Monotone(client, job.id).until(finished, "the album to end")
        assert job.state is JobState.SUCCEEDED
        folder = tmp_path / f"at-{strength}"
        results = [picture(client, item, folder) for item in client.items(job.id)]
        away.append(list(map(decibels, files, results)))
        if strength == 0:
            assert net_loads(stack) == before
    assert min(away[0]) >= 45
    assert all(a > b > c > 10 for a, b, c in zip(*away, strict=True))


def decibels(photo: Path, result: Image.Image) -> float:
    """Return the PSNR of a result against its photo."""
    with Image.open(photo) as image:
        difference = np.asarray(image.convert("RGB"), float) - np.asarray(result.convert("RGB"))
    return 10 * np.log10(255**2 / max(np.square(difference).mean(), 1e-9))


def test_an_album_sent_again_is_not_painted_again(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    photos = write(tmp_path, distinct(5, 77))
    first = client.submit(photos, style=STYLE)
    Monotone(client, first.id).until(finished, "the album to end")
    again = client.submit(photos, style=STYLE)
    Monotone(client, again.id).until(finished, "the second album to end")
    assert all(item.seconds == 0 for item in client.items(again.id))


def redis_bytes(stack: LiveStack) -> int:
    """Bytes that Redis says it uses."""
    assert stack.settings.redis_url is not None
    with Redis.from_url(stack.settings.redis_url.get_secret_value()) as redis:
        return cast("dict[str, int]", redis.info("memory"))["used_memory"]


def test_ten_thousand_keys_are_taken_in_without_growing(
    stack: LiveStack, client: Client, bucket: S3Store
) -> None:
    """A job by S3 keys costs Redis and the API next to nothing, however many photos it has."""
    bucket.put("inbox/one.png", encoded(scene(20, 20), "PNG"))
    processes = [psutil.Process(stack.pid("api")), *stack.children("api")]
    client.job(client.submit_stored({"keys": ["inbox/one.png"]}, style=STYLE).id)
    resident = sum(process.memory_info().rss for process in processes)
    kept = redis_bytes(stack)
    begun = time.monotonic()
    job = client.submit_stored({"keys": ["inbox/one.png"] * 10_000}, style=STYLE)
    seconds = time.monotonic() - begun
    grown = sum(process.memory_info().rss for process in processes) - resident
    kept = redis_bytes(stack) - kept
    client.cancel(job.id)
    assert job.counts.total == 10_000
    assert seconds < 5
    assert grown < 50e6
    assert kept < 2e6
    ended = Monotone(client, job.id).until(finished, "the job to be cancelled")
    assert ended.state is JobState.CANCELLED
