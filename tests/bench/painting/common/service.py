"""Photos through a whole service, and the memory of the worker that paints them."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psutil
from PIL import Image

from impasto_client import Client
from infra.storage.s3 import S3Store
from tests.bench.common.nets import photo
from tests.integration.live_stack import wait_until
from tests.memory_use import forget_most, most_bytes
from worker.engines.port import Pixels

STYLE = "water-lilies"
#: Seconds that an album may take, however much else the machine does.
ALBUM_SECONDS = 3600.0
#: Seconds between looks at memory.
LOOKS = 0.02

#: (height, width).
Size = tuple[int, int]


def jpeg(rgb: Pixels) -> bytes:
    """Return a photo's file."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=90)
    return file.getvalue()


def put_photos(bucket: S3Store, prefix: str, sizes: list[Size]) -> None:
    """Put a JPEG of each size into the bucket."""
    for number, size in enumerate(sizes):
        bucket.put(f"{prefix}{number:03d}.jpg", jpeg(photo(*size)))


def paint_album(client: Client, prefix: str, strength: float = 1.0) -> float:
    """Paint what lies under a prefix; returns the seconds from the job's creation to its end."""
    job = client.submit_stored({"prefix": prefix}, style=STYLE, strength=strength)
    wait_until(lambda: client.job(job.id).state.terminal, "the album", ALBUM_SECONDS)
    ended = client.job(job.id)
    assert ended.counts.failed == 0, "a photo failed"
    assert ended.finished is not None
    return (ended.finished - ended.created).total_seconds()


class WorkerMemory:
    """What a worker's child and its decoders hold in RAM; what they share counts for each."""

    def __init__(self, child: psutil.Process) -> None:
        self._child = child

    def _processes(self) -> list[psutil.Process]:
        return [self._child, *self._child.children(recursive=True)]

    @property
    def resident_bytes(self) -> int:
        """What they hold now."""
        return sum(process.memory_info().rss for process in self._processes())

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Provide what they hold together, looked at again and again until the end."""
        seen, over = [self.resident_bytes], Event()

        def look() -> None:
            while not over.wait(LOOKS):
                with suppress(psutil.NoSuchProcess):
                    seen.append(self.resident_bytes)

        looking = Thread(target=look)
        looking.start()
        try:
            yield seen
        finally:
            over.set()
            looking.join()

    @property
    def peak_bytes(self) -> int:
        """The most that each held since `forget_peak`, together."""
        return sum(most_bytes(process.pid) for process in self._processes())

    def forget_peak(self) -> None:
        """Begin anew with the most that they hold."""
        for process in self._processes():
            forget_most(process.pid)
