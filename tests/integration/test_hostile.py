"""Three hundred hostile files through the whole service, which loses no process over them."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

from impasto_client import Client, JobState
from infra import layout
from infra.storage.s3 import connect_s3
from tests.hostile import REASONS, hostile_photos
from tests.integration.live_stack import LiveStack, lives, wait_until
from tests.photos import encoded, scene
from tests.zips import hostile_zips

STYLE = "water-lilies"
#: Seconds that the photos may take together, on a machine that is busy with other things.
ALBUM_SECONDS = 240.0
#: Bytes that the worker and the API may take beyond what they have when they are idle.
MOST_BYTES = 1_000_000_000


class Peak:
    """The most memory that processes, and what they start, had together while they were watched."""

    def __init__(self, roots: Sequence[psutil.Process]) -> None:
        self._roots = roots
        self.idle = self.peak = self.now()

    @contextmanager
    def watched(self) -> Iterator[None]:
        ending = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ending,))
        watcher.start()
        try:
            yield
        finally:
            ending.set()
            watcher.join()

    def now(self) -> int:
        found = [process for root in self._roots for process in (root, *root.children(True))]
        return sum(_resident(process) for process in found)

    def _watch(self, ending: threading.Event) -> None:
        while not ending.wait(0.1):
            self.peak = max(self.peak, self.now())


def _resident(process: psutil.Process) -> int:
    """Bytes that a process has for itself; what it shares with others would count twice."""
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return memory.rss - memory.shared


def test_three_hundred_hostile_files_end_nothing_and_leave_nothing(
    stack: LiveStack, tmp_path: Path
) -> None:
    """Photos fail one by one with a reason; archives are refused at once and leave no object."""
    stack.wait_ready()
    photos, zips = hostile_photos(), hostile_zips()
    assert len(photos) + len(zips) >= 300
    roots = [psutil.Process(stack.pid(name)) for name in ("worker", "api")]
    child, bucket = stack.pool_child(), connect_s3(stack.settings)
    with Client(stack.url) as client:
        first = client.submit(
            _write(tmp_path, {"a.jpg": encoded(scene(90, 50), "JPEG")}), style=STYLE
        )
        wait_until(lambda: client.job(first.id).state.terminal, "a first photo", ALBUM_SECONDS)
        memory, before = Peak(roots), {info.key for info in bucket.list("")}
        with memory.watched():
            _refuse(stack, {name: file.data for name, file in zips.items()})
            refused = {info.key for info in bucket.list("")}
            good = {"fine.jpg": encoded(scene(91, 50), "JPEG")}
            job = client.submit(_write(tmp_path, photos | good), style=STYLE)
            wait_until(lambda: client.job(job.id).state.terminal, "the album", ALBUM_SECONDS)
        reasons = {item.name: item.error and item.error.type for item in client.items(job.id)}
        ended = client.job(job.id)
    assert refused <= before
    assert {name: why for name, why in reasons.items() if why not in REASONS} == {"fine.jpg": None}
    assert (ended.state, ended.counts.done) == (JobState.SUCCEEDED, 1)
    assert all(lives(process) for process in (*roots, child))
    assert memory.peak - memory.idle < MOST_BYTES
    written = {info.key for info in bucket.list("")} - before
    (entry,) = {
        key
        for key in written - {layout.newest_entry("default", job.id)}
        if not key.startswith((layout.job_prefix("default", job.id), layout.ENDED_PREFIX))
    }
    assert entry.startswith(layout.result_index_prefix("default"))


def _write(folder: Path, photos: dict[str, bytes]) -> list[Path]:
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in photos]


def _refuse(stack: LiveStack, archives: dict[str, bytes]) -> None:
    """Send archives one by one; each must be refused with a typed problem, and soon.

    Two seconds of the API's own clock: by the wall's it also waits for what else the machine does.
    """
    api = [psutil.Process(stack.pid("api")), *stack.children("api")]
    with httpx2.Client(base_url=stack.url, timeout=60) as client:
        for name, data in archives.items():
            began, before = time.monotonic(), _cpu_seconds(api)
            answer = client.post("/v1/jobs", data={"style": STYLE}, files={"photos": (name, data)})
            assert 400 <= answer.status_code < 500, (name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert _cpu_seconds(api) - before < 2, name
            assert time.monotonic() - began < 30, name


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
