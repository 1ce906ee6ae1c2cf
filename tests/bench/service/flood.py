"""Whether a flood of tiny jobs starves an album, and an album tiny jobs, on a real stack.

    python3 infra/dev.py bench flood [--jobs 10000] [--album 400] [--tiny 20]

Everything is sent over HTTP while the worker is stopped, so that all of it waits when it goes on.
Three runs: the album alone, the album behind the flood, tiny jobs behind a new album. Photos are
tiny and all differ, so that what is measured are turns and not pixels.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PIL import Image

from impasto_client import Client
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.storage.s3 import S3Store, connect_s3
from tests.bench.common.tables import table
from tests.integration.live_stack import LiveStack, wait_until

STYLE = "water-lilies"
#: Side of a photo, pixels.
SIDE = 32
#: Requests that are on their way at the same time.
SENDERS = 8
#: Seconds until the stack must answer; benches run on busy machines.
START_SECONDS = 600.0
#: Seconds that the longest wait may take.
PATIENCE = 6 * 3600.0


class Flood:
    """A stack under test, and photos that no job has had yet."""

    def __init__(self, stack: LiveStack, client: Client) -> None:
        self._stack = stack
        self._client = client
        self._objects: S3Store = connect_s3(stack.settings)
        self._photos = 0

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Stop the worker while the block sends; it goes on when everything waits."""
        self._stack.pool_child()
        worker = psutil.Process(self._stack.pid("worker"))
        processes = [worker, *worker.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def send(self, photos: int) -> str:
        """Submit an album of fresh photos that lie in the bucket; returns its id."""
        keys = self._fresh(photos)
        return self._client.submit_stored({"keys": keys}, style=STYLE).id

    def send_tiny(self, jobs: int) -> list[str]:
        """Submit so many jobs of one photo each."""
        keys = self._fresh(jobs)
        with ThreadPoolExecutor(SENDERS) as senders:
            return list(senders.map(self._send_one, keys))

    def _send_one(self, key: str) -> str:
        return self._client.submit_stored({"keys": [key]}, style=STYLE).id

    def _fresh(self, photos: int) -> list[str]:
        numbers = range(self._photos, self._photos + photos)
        self._photos += photos
        keys = [f"inbox/{number}.png" for number in numbers]
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda n, key: self._objects.put(key, _photo(n)), numbers, keys))
        return keys

    def wait(self, jobs: Sequence[str]) -> list[float]:
        """Wait for jobs; returns the seconds from now to the end of each."""
        began, ended = time.time(), dict[str, float]()

        def all_ended() -> bool:
            for job in jobs:
                if job not in ended and (finished := self._client.job(job).finished):
                    ended[job] = finished.timestamp() - began
            return len(ended) == len(jobs)

        wait_until(all_ended, "jobs to end", PATIENCE)
        return [ended[job] for job in jobs]

    def ended(self, jobs: Sequence[str]) -> int:
        """Return how many jobs of a flood have ended; they are worked in the order they came."""
        low, high = 0, len(jobs)
        while low < high:
            middle = (low + high) // 2
            if self._client.job(jobs[middle]).state.terminal:
                low = middle + 1
            else:
                high = middle
        return low


def _photo(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def measure(flood: Flood, jobs: int, photos: int, tiny: int) -> list[tuple[str, str, str, str]]:
    """Run the three and return what each showed, as rows of a table."""
    with flood.held_back():
        album = flood.send(photos)
    [alone] = flood.wait([album])
    with flood.held_back():
        waiting = flood.send_tiny(jobs)
        album = flood.send(photos)
    [behind] = flood.wait([album])
    done = flood.ended(waiting)
    flood.wait(waiting[-1:])
    with flood.held_back():
        album = flood.send(10 * photos)
        few = flood.send_tiny(tiny)
    seconds = flood.wait(few)
    [whole] = flood.wait([album])
    return [
        (f"album of {photos}, alone", f"{alone:.1f}", "1.00", ""),
        (
            f"the same behind {jobs} tiny jobs",
            f"{behind:.1f}",
            f"{behind / alone:.2f}",
            f"{done} tiny jobs ended before it",
        ),
        (
            f"{tiny} tiny jobs behind an album of {10 * photos}",
            f"{median(seconds):.1f} (median), {max(seconds):.1f} (last)",
            f"{max(seconds) / whole:.3f} of the album's",
            f"the album took {whole:.1f}",
        ),
    ]


def main() -> None:
    """Start a stack, flood it, and print the table."""
    made = argparse.ArgumentParser("flood", description=__doc__)
    made.add_argument("--jobs", type=int, default=10_000, help="tiny jobs in the flood")
    made.add_argument("--album", type=int, default=400, help="photos of the album")
    made.add_argument("--tiny", type=int, default=20, help="tiny jobs behind a large album")
    chosen = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), port=0, device="cpu", threads=1, log_level="WARNING")
        with EmbeddedStack(settings) as stack:
            stack.wait_ready(START_SECONDS)
            with Client(stack.url) as client:
                flood = Flood(LiveStack(stack), client)
                rows = measure(flood, chosen.jobs, chosen.album, chosen.tiny)
    print(table(("what waited", "seconds to its end", "ratio", "meanwhile"), rows))


if __name__ == "__main__":
    main()
