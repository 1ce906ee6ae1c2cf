"""Albums of small photos, each told apart by its size: sent, watched, and fetched at their end."""

import io
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from PIL import Image

from impasto_client import Client, ClientError, Item, ItemState, Job, ServiceUnreachable
from tests.photos import encoded, scene

STYLE = "water-lilies"
#: Pixels of the smallest side; sides from there on tell photos apart.
SIDE = 16
#: Different widths, and different heights.
SIZES = 40
#: Seconds between two looks at the open albums.
LOOK_SECONDS = 0.5


@dataclass
class Album:
    """An accepted album and all that was seen of it."""

    job: str
    #: Width and height of each photo, in order.
    sizes: list[tuple[int, int]]
    counts: tuple[int, int] = (0, 0)
    #: The photos that were seen done, as they were then.
    done: dict[int, Item] = field(default_factory=dict)
    ended: Job | None = None
    #: What should not have been; each a sentence.
    wrong: list[str] = field(default_factory=list)


def size(number: int) -> tuple[int, int]:
    """Width and height of a photo; neighbours differ."""
    return SIDE + number % SIZES, SIDE + number // SIZES % SIZES


def write_photos(folder: Path, numbers: range) -> list[Path]:
    """Write photos that no cache takes for one another, however often their sizes repeat."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:06d}.jpg" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        picture = scene(*size(number))
        path.write_bytes(encoded(picture, "JPEG", quality=80, comment=str(number).encode()))
    return paths


class Gallery:
    """Sends albums and watches them, in threads of its own, through everything that happens.

    `photos` is how many an album has; up to `open_albums` of them are at work at a time, and from
    one to the next pass `apart` seconds at least. `first` tells its albums from those of another
    gallery.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        photos: int = 40,
        open_albums: int = 3,
        apart: float = LOOK_SECONDS,
        first: int = 0,
    ) -> None:
        self._url = url
        self._folder = folder
        self._photos = photos
        self._open_albums = open_albums
        self._apart = apart
        self._numbers = count(first)
        self._ending = threading.Event()
        self._watching = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, name="sender", daemon=True),
            threading.Thread(target=self._watch, name="watcher", daemon=True),
        ]
        #: Every album that a 202 was given for.
        self.albums: list[Album] = []
        #: Submissions that were turned away, or whose answer was lost: (HTTP status, reason).
        self.turned_away: list[tuple[int, str]] = []

    def start(self) -> None:
        """Begin to send and to watch."""
        self._watching.set()
        for thread in self._threads:
            thread.start()

    @property
    def accepted(self) -> int:
        """Photos of accepted albums."""
        return sum(len(album.sizes) for album in self.albums)

    @property
    def finished(self) -> int:
        """Photos that were seen done or failed."""
        return sum(sum(album.counts) for album in self.albums)

    def end(self, seconds: float) -> None:
        """Send no more, and watch until every album has ended or `seconds` have passed."""
        self._ending.set()
        self._threads[0].join()
        deadline = time.monotonic() + seconds
        while self._open() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        self._watching.clear()
        self._threads[1].join()

    def submit(self, client: Client, photos: int) -> Album:
        """Send one album of new photos; raises ClientError."""
        numbers = range(first := next(self._numbers) * 1000, first + photos)
        paths = write_photos(self._folder / f"{first:07d}", numbers)
        job = client.submit(paths, style=STYLE)
        album = Album(job.id, [size(number) for number in numbers])
        self.albums.append(album)
        return album

    def _open(self) -> list[Album]:
        return [album for album in self.albums if album.ended is None]

    def _send(self) -> None:
        with Client(self._url) as client:
            due = time.monotonic()
            while not self._ending.wait(due - time.monotonic()):
                due = max(due + self._apart, time.monotonic())  # what was missed is not made up for
                if len(self._open()) >= self._open_albums:
                    continue
                try:
                    self.submit(client, self._photos)
                except ClientError as error:
                    self.turned_away.append((error.status, error.type))

    def _watch(self) -> None:
        with Client(self._url) as client:
            while self._watching.is_set():
                for album in self._open():
                    try:
                        look(client, album)
                    except ServiceUnreachable:
                        continue  # away for longer than a client's patience; the next look tells
                    except ClientError as error:
                        album.wrong.append(f"job {album.job} cannot be asked for: {error}")
                time.sleep(LOOK_SECONDS)


def look(client: Client, album: Album) -> Job:
    """Look at an album and note what must not be: counts that run back, photos that change."""
    job = client.patiently(lambda: client.job(album.job))
    now = (job.counts.done, job.counts.failed)
    if now[0] < album.counts[0] or now[1] < album.counts[1] or sum(now) > job.counts.total:
        album.wrong.append(f"counts of {job.counts.total} went from {album.counts} to {now}")
    album.counts = now
    for item in client.items(album.job):
        seen = album.done.get(item.index)
        if seen is not None and item != seen:
            album.wrong.append(f"photo {item.index} was committed anew: {seen} became {item}")
        elif item.state in (ItemState.DONE, ItemState.FAILED):
            album.done[item.index] = item
    if job.state.terminal:
        album.ended = job
    return job


def watch_until(
    client: Client, album: Album, condition: Callable[[Job], bool], what: str, seconds: float
) -> Job:
    """Look at an album until something holds; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition(job := look(client, album)):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)
    return job


def check_results(client: Client, album: Album, folder: Path) -> list[str]:
    """Fetch every result of an album that has ended; returns what is wrong with any."""
    items = list(client.items(album.job))
    wrong: list[str] = []
    if [item.index for item in items] != list(range(len(album.sizes))):
        wrong.append(f"job {album.job} has {len(items)} items instead of {len(album.sizes)}")
    archive = client.save(f"/v1/jobs/{album.job}/results.zip", folder / f"{album.job}.zip")
    with zipfile.ZipFile(archive) as results:
        names = Counter(results.namelist())
        for item in items:
            if item.state is not ItemState.DONE:
                wrong.append(f"photo {item.index} of {album.job} is {item.state}: {item.error}")
            elif (times := names.pop(item.result_name or "", 0)) != 1:
                wrong.append(f"photo {item.index} of {album.job} has {times} results")
            elif (found := _size(results.read(item.result_name or ""))) != album.sizes[item.index]:
                wrong.append(f"photo {item.index} of {album.job} is {found} large")
    return wrong + [f"{name} is a result of no photo of {album.job}" for name in names]


def _size(result: bytes) -> tuple[int, int]:
    """Decode a result; returns its width and height."""
    with Image.open(io.BytesIO(result)) as picture:
        picture.load()
        return picture.size
