"""The Python client: send an album or a painting, watch its job, fetch the results.

with Client("http://127.0.0.1:8000") as client:
    job = client.submit(["beach.jpg", "forest.png"], style="water-lilies")
    for job in client.watch(job.id):
        print(job.state, job.progress)
    for item in client.items(job.id):
        if item.result:
            client.download(item, Path("paintings"))

    job = client.submit_training("starry-night.jpg", style="starry-night", profile="light")
    for job in client.watch(job.id):
        print(job.training and job.training.published)
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2

from .connection import (
    MAX_PAUSE,
    MIN_PAUSE,
    ClientError,
    Connection,
    job_address,
)
from .formats import Formats
from .jobs import Item, ItemPage, Job, JobPage
from .options import FormatChoice, MetadataChoice, Stroke, TrainingOptions
from .photo_names import safe_path
from .previews.calls import PreviewCalls
from .style_calls import StyleCalls
from .upload_body import FileBrokeOff, Upload, UploadFile, written

#: Seconds between two looks at a job: a part of the time watched so far, within bounds.
PAUSE_SHARE = 0.05
#: Photos on a page of a job's items.
PAGE = 500

T = TypeVar("T")


class Client(StyleCalls, PreviewCalls):
    """A client of one service. Close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._service = Connection(url, key, transport=transport, sleep=sleep)
        self.url = self._service.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def formats(self) -> Formats:
        """Return what photos the service takes, and its limits."""
        return self._service.get("/v1/formats", Formats)

    def submit(
        self,
        photos: Sequence[Path | str],
        *,
        style: str,
        strength: float = 1.0,
        blend: tuple[str, float] | None = None,
        stroke: Stroke = "native",
        metadata: MetadataChoice = "keep-safe",
        format: FormatChoice = "auto",
        names: Sequence[str] | None = None,
        sent: Callable[[int], None] | None = None,
        left_out: Callable[[Path, OSError], None] | None = None,
    ) -> Job:
        """Send photos from disk; `sent` is called with the bytes of photos just sent.

        `blend` is another style to mix in, and its share of the mixture (0..1). `names` are the
        photos' paths in the album, with `/`. Raises ClientError, and OSError when a photo cannot be
        read: then there is no job, unless `left_out` is there to be told; the others are sent, all
        again (and `sent` less than 0) where one broke off.
        """
        options = {"strength": str(strength), "stroke": stroke, "metadata": metadata}
        fields = {"kind": "stylize", "style": style, **options, **_unless_auto(format)}
        if blend is not None:
            fields["blend"] = f"{blend[0]}:{blend[1]}"
        named = zip(photos, names or [None] * len(photos), strict=True)
        files = [UploadFile("photos", _path(photo), name) for photo, name in named]
        return self._send(fields, files, sent, left_out)

    def submit_stored(
        self,
        photos: Mapping[str, Any],
        *,
        style: str,
        strength: float = 1.0,
        blend: tuple[str, float] | None = None,
        stroke: Stroke = "native",
        metadata: MetadataChoice = "keep-safe",
        format: FormatChoice = "auto",
    ) -> Job:
        """Submit photos that lie in the service's bucket: {"keys": […]} or {"prefix": …}."""
        options = {"strength": strength, "stroke": stroke, "metadata": metadata}
        album: dict[str, Any] = {"kind": "stylize", "style": style, **options}
        album |= _unless_auto(format)
        if blend is not None:
            album["blend"] = {"style": blend[0], "share": blend[1]}
        album["photos"] = dict(photos)
        return self._service.request("POST", "/v1/jobs", Job, json=album)

    def submit_training(
        self,
        painting: Path | str,
        *,
        style: str,
        previews: Sequence[Path | str] = (),
        sent: Callable[[int], None] | None = None,
        **options: Unpack[TrainingOptions],
    ) -> Job:
        """Send a painting from disk, to train the new style `style` on.

        `previews` are photos that each stage is shown on; `sent` is called with the bytes of files
        just sent. Raises ClientError, and OSError when a file cannot be read: then there is no job.
        """
        fields = {name: written(value) for name, value in options.items() if value is not None}
        files = [UploadFile("painting", Path(painting))]
        files += [UploadFile("previews", Path(photo)) for photo in previews]
        return self._send({"kind": "train", "style": style, **fields}, files, sent)

    def submit_stored_training(
        self,
        painting: str,
        *,
        style: str,
        previews: Sequence[str] = (),
        **options: Unpack[TrainingOptions],
    ) -> Job:
        """Train a style on a painting that lies in the service's bucket under a key."""
        body: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        body |= {"kind": "train", "style": style, "painting": {"key": painting}}
        if previews:
            body["previews"] = {"keys": list(previews)}
        return self._service.request("POST", "/v1/jobs", Job, json=body)

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the newest jobs, at most 100."""
        return self._service.get(f"/v1/jobs?limit={limit}", JobPage).jobs

    def job(self, job_id: str) -> Job:
        """Return a job as it is now."""
        return self._service.get(job_address(job_id), Job)

    def cancel(self, job_id: str) -> Job:
        """Stop a job."""
        return self._service.request("POST", f"{job_address(job_id)}/cancel", Job)

    def retry(self, job_id: str) -> Job:
        """Submit the failed photos of an album again; returns the new job."""
        return self._service.request("POST", f"{job_address(job_id)}/retry", Job)

    def watch(self, job_id: str) -> Iterator[Job]:
        """Yield the job repeatedly until it has ended; the last one is terminal.

        Raises ServiceUnreachable after two minutes without an answer.
        """
        began = time.monotonic()
        while True:
            job = self.patiently(lambda: self.job(job_id))
            yield job
            if job.state.terminal:
                return
            share = PAUSE_SHARE * (time.monotonic() - began)
            self._sleep(min(max(share, MIN_PAUSE), MAX_PAUSE))

    def items(self, job_id: str, *, start: int = 0) -> Iterator[Item]:
        """Yield the photos of a job from `start` on, page by page."""
        address: str | None = f"{job_address(job_id)}/items?offset={start}&limit={PAGE}"
        while address:
            page = self.patiently(lambda at=address: self._service.get(at, ItemPage))
            yield from page.items
            address = page.next and self._service.own_address(page.next)

    def page(self, job_id: str, *, start: int, limit: int = PAGE) -> list[Item]:
        """Return at most `limit` photos of a job, from `start` on."""
        address = f"{job_address(job_id)}/items?offset={start}&limit={limit}"
        return self.patiently(lambda: self._service.get(address, ItemPage)).items

    def download(
        self,
        item: Item,
        folder: Path,
        *,
        name: str | None = None,
        overwrite: bool = False,
        modified_ns: int | None = None,
    ) -> Path:
        """Fetch a photo's result into a folder and return its path.

        The file appears whole or not at all. Where a different file is there already, the result
        gets a new name beside it; an equal one stays as it is; `overwrite` replaces either. `name`
        is the result's own unless it is given, and may lead into folders within by `/`. The file's
        time becomes `modified_ns` (nanoseconds since the epoch).
        """
        if item.result is None:
            raise ClientError(f"The photo {item.name} has no result.")
        path = folder / safe_path(name or item.result_name or item.name)
        return self._service.save(item.result, path, overwrite=overwrite, modified_ns=modified_ns)

    def patiently(self, call: Callable[[], T]) -> T:
        """Repeat a call until the service answers, for two minutes; only for what may be repeated.

        Raises ServiceUnreachable after that.
        """
        return self._service.patiently(call)

    def location(self, address: str) -> str:
        """Return the whole address of one that the service named, for people to open."""
        return self.url + self._service.own_address(address)

    def save(self, address: str, path: Path, *, overwrite: bool = False) -> Path:
        """Fetch one of the service's addresses into a file, and return its path.

        The file appears whole or not at all, and takes no other file's place, as in `download`.
        """
        return self._service.save(address, path, overwrite=overwrite)

    def _send(
        self,
        fields: Mapping[str, str],
        files: Sequence[UploadFile],
        sent: Callable[[int], None] | None,
        left_out: Callable[[Path, OSError], None] | None = None,
    ) -> Job:
        """Send files, and all again without each one that breaks off in its middle."""
        try:
            upload = Upload(fields, files, sent=sent, left_out=left_out)
        except UnicodeEncodeError as error:
            raise ClientError(f"{error.object!r} cannot be sent: it is no text.") from error
        while True:
            body = upload.body()
            how: dict[str, Any] = {"headers": {"Content-Type": body.content_type}}
            try:
                return self._service.request("POST", "/v1/jobs", Job, content=iter(body), **how)
            except FileBrokeOff as broken:
                upload.begin_again(broken)


def _path(file: Path | str) -> Path:
    return file if isinstance(file, Path) else Path(file)


def _unless_auto(format: FormatChoice) -> dict[str, str]:
    """Return the field of a format; services before 0.2.0 have none, and refuse what they lack."""
    return {} if format == "auto" else {"format": format}
