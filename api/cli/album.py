"""One album through the service: send it, watch it, fetch each result as soon as it is done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.cli.photos import Album, LeftOut, Photo, tell_left_out
from api.cli.progress import painting, sending
from api.cli.result_folder import ResultFolder
from api.cli.service import UsageError
from impasto_client import (
    Client,
    FormatChoice,
    Item,
    ItemState,
    Job,
    JobState,
    MetadataChoice,
    Stroke,
    to_json,
)

#: Photos on a page that is read while a job runs.
LOOK_PHOTOS = 64


@dataclass(frozen=True, slots=True)
class Painted:
    """The outcome of one photo; `path` is its result on disk."""

    source: str
    item: Item
    path: Path | None

    def document(self) -> dict[str, Any]:
        """Return the JSON document for scripts."""
        path = None if self.path is None else str(self.path)
        return {"photo": self.source, "path": path, **to_json(self.item)}


def parse_blend(text: str) -> tuple[str, float]:
    """Read `NAME:SHARE`; raises UsageError."""
    style, _, share = text.rpartition(":")
    try:
        if style and 0 <= float(share) <= 1:
            return style, float(share)
    except ValueError:
        pass
    raise UsageError(
        f"{text!r} is not NAME:SHARE, such as great-wave:0.3 with a share between 0 and 1."
    )


def send(
    client: Client,
    album: Album,
    *,
    style: str,
    strength: float,
    blend: tuple[str, float] | None,
    stroke: Stroke,
    metadata: MetadataChoice,
    format: FormatChoice,
    quiet: bool,
) -> tuple[Job, list[Photo]]:
    """Say what is left out, and send the rest; returns the job, and the photos that were sent.

    A photo that can no longer be read is left out too. Raises ClientError before anything is sent
    when a style is not there.
    """
    for name in (style, *(blend[:1] if blend else ())):
        client.style(name)
    tell_left_out(album.left_out, album.others)
    gone: set[Path] = set()

    def leave_out(path: Path, error: OSError) -> None:
        gone.add(path)
        album.left_out.append(LeftOut(path, f"cannot be read ({error.strerror or error})"))
        tell_left_out(album.left_out[-1:])

    with sending(sum(photo.size for photo in album.photos), quiet=quiet) as sent:
        job = client.submit(
            [photo.path for photo in album.photos],
            names=[photo.name for photo in album.photos],
            style=style,
            strength=strength,
            blend=blend,
            stroke=stroke,
            metadata=metadata,
            format=format,
            sent=sent,
            left_out=leave_out,
        )
    return job, [photo for photo in album.photos if photo.path not in gone]


def follow(
    client: Client, job_id: str, results: "ResultFolder | None", *, quiet: bool
) -> tuple[Job, "ResultCollector"]:
    """Watch a job to its end and collect its photos, and its results where there is a folder."""
    collector = ResultCollector(client, job_id, results)
    job = client.job(job_id)
    with painting(quiet=quiet) as show:
        for job in client.watch(job_id):
            show(job)
            collector.collect(job)
        collector.finish()
    return job, collector


class ResultCollector:
    """Collects the photos of a job and their results while the job runs."""

    def __init__(self, client: Client, job_id: str, results: ResultFolder | None) -> None:
        self._client = client
        self._job = job_id
        self._results = results
        self._collected: dict[int, tuple[Item, Path | None]] = {}
        #: Every photo before this one is collected.
        self._first = 0
        #: Photos that had ended at the last call.
        self._worked = 0

    def photos(self) -> list[Painted]:
        """Return the outcome of every photo, by its path on disk, or named as in the job."""
        return [
            Painted(self._source(item) or item.name, item, path)
            for _, (item, path) in sorted(self._collected.items())
        ]

    def collect(self, job: Job) -> None:
        """Fetch the results that are new since the last call, up to the first unfinished page.

        Chunks finish roughly in order, so new results are near the front. Reading all items at
        each call would cost the service more than it yields.
        """
        worked = job.counts.done + job.counts.failed
        if self._results is None or worked == self._worked:
            return
        self._worked = worked
        while self._collect_page():
            pass

    def finish(self) -> None:
        """Collect the rest, once the job has ended."""
        self._take(self._client.items(self._job, start=self._first))

    def _collect_page(self) -> bool:
        """Collect one page; return whether every photo on it has ended, so that more may have."""
        page = self._client.page(self._job, start=self._first, limit=LOOK_PHOTOS)
        self._take(page)
        end = self._first + len(page)
        while self._first in self._collected:
            self._first += 1
        return bool(page) and self._first == end

    def _take(self, items: Iterator[Item] | Sequence[Item]) -> None:
        for item in items:
            if item.index in self._collected or item.state in (
                ItemState.PENDING,
                ItemState.RUNNING,
            ):
                continue
            self._collected[item.index] = (item, self._fetch(item))

    def _fetch(self, item: Item) -> Path | None:
        if item.result is None or self._results is None:
            return None
        return self._results.fetch(item)

    def _source(self, item: Item) -> str | None:
        return None if self._results is None else self._results.source(item)


def succeeded(job: Job) -> bool:
    """Whether every photo of the job is done."""
    return job.state is JobState.SUCCEEDED and job.counts.done == job.counts.total
