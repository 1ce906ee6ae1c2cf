"""The Python client: send an album, watch its job, fetch the results.

with Client("http://127.0.0.1:8000") as client:
    job = client.submit(["beach.jpg", "forest.png"], style="water-lilies")
    for job in client.watch(job.id):
        print(job.state, job.progress)
    for item in client.items(job.id):
        if item.result:
            client.download(item, Path("paintings"))
"""

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from api.loopback import is_loopback
from api.photo_names import safe_name
from api.schemas import Item, ItemPage, Job, JobPage
from api.style_schemas import Style, StyleList, StyleWithCard
from api.upload_body import UploadBody

#: Seconds that a running job is asked about again while the service cannot be reached.
PATIENCE_SECONDS = 120.0
#: Seconds between two looks at a job: a part of the time watched so far, within these bounds.
MIN_PAUSE, MAX_PAUSE = 0.2, 2.0
PAUSE_SHARE = 0.05
#: Seconds until a connection must stand, and until the service must say something.
TIMEOUT = httpx2.Timeout(60.0, connect=5.0, write=300.0)
#: Photos on a page of a job's items.
PAGE = 500

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class ClientError(Exception):
    """The service said no, or something went wrong on the way to it.

    `type` is the problem's slug, `status` the HTTP status (0 when nothing was answered).
    """

    def __init__(self, detail: str, *, type: str = "client", status: int = 0) -> None:
        super().__init__(detail)
        self.type = type
        self.status = status


class ServiceUnreachable(ClientError):
    """Nothing answers at the service's address, or it cannot work just now."""


class Client:
    """One service, and the key that opens it. Close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._sleep = sleep
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=TIMEOUT,
            transport=transport,
            trust_env=not is_loopback(_host(self.url)),  # no proxy leads to this machine
        )

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
        self._http.close()

    def styles(self) -> list[Style]:
        """Return the published styles."""
        return self._get("/v1/styles", StyleList).styles

    def style(self, name: str) -> StyleWithCard:
        """Return one style and its card."""
        return self._get(f"/v1/styles/{quote(name, safe='')}", StyleWithCard)

    def submit(
        self,
        photos: Sequence[Path | str],
        *,
        style: str,
        strength: float = 1.0,
        sent: Callable[[int], None] | None = None,
    ) -> Job:
        """Send photos from disk; `sent` is told the bytes of photos that have gone.

        Raises ClientError, and OSError when a photo cannot be read: then there is no job.
        """
        fields = {"kind": "stylize", "style": style, "strength": str(strength)}
        body = UploadBody(fields, [Path(photo) for photo in photos], sent=sent)
        headers = {"Content-Type": body.content_type}
        return self._ask("POST", "/v1/jobs", Job, content=iter(body), headers=headers)

    def submit_stored(self, photos: Mapping[str, Any], *, style: str, strength: float = 1.0) -> Job:
        """Submit photos that lie in the service's bucket: {"keys": […]} or {"prefix": …}."""
        album = {"kind": "stylize", "style": style, "strength": strength, "photos": dict(photos)}
        return self._ask("POST", "/v1/jobs", Job, json=album)

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the newest jobs, at most 100."""
        return self._get(f"/v1/jobs?limit={limit}", JobPage).jobs

    def job(self, job_id: str) -> Job:
        """Return a job as it is now."""
        return self._get(f"/v1/jobs/{job_id}", Job)

    def cancel(self, job_id: str) -> Job:
        """Stop a job."""
        return self._ask("POST", f"/v1/jobs/{job_id}/cancel", Job)

    def watch(self, job_id: str) -> Iterator[Job]:
        """Yield the job as it is, again and again, the last time when it has ended.

        Bears a service that is away for PATIENCE_SECONDS.
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
        address: str | None = f"/v1/jobs/{job_id}/items?offset={start}&limit={PAGE}"
        while address:
            page = self.patiently(lambda at=address: self._get(at, ItemPage))
            yield from page.items
            address = page.next and _own(page.next)

    def page(self, job_id: str, *, start: int, limit: int = PAGE) -> list[Item]:
        """Return at most `limit` photos of a job, from `start` on."""
        address = f"/v1/jobs/{job_id}/items?offset={start}&limit={limit}"
        return self.patiently(lambda: self._get(address, ItemPage)).items

    def download(self, item: Item, folder: Path, *, name: str | None = None) -> Path:
        """Fetch a photo's result into a folder and return its path; a file there is replaced.

        The file appears whole or not at all. `name` is the result's own unless it is given.
        """
        if item.result is None:
            raise ClientError(f"The photo {item.name} has no result.")
        address = _own(item.result)
        path = folder / safe_name(name or item.result_name or item.name)
        folder.mkdir(parents=True, exist_ok=True)
        self.patiently(lambda: self._fetch(address, path))
        return path

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask until there is an answer, for PATIENCE_SECONDS; only for what may be asked twice."""
        given_up = time.monotonic() + PATIENCE_SECONDS
        pause = MIN_PAUSE
        while True:
            try:
                return ask()
            except ServiceUnreachable:
                if time.monotonic() > given_up:
                    raise
            self._sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)

    def _fetch(self, address: str, path: Path) -> None:
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with self._translated(), self._http.stream("GET", address) as response:
                _check(response)
                with partial.open("wb") as file:
                    file.writelines(response.iter_bytes())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _get(self, address: str, model: type[M]) -> M:
        return self._ask("GET", address, model)

    def _ask(self, method: str, address: str, model: type[M], **request: Any) -> M:  # noqa: ANN401
        with self._translated():
            response = self._http.request(method, address, **request)
            _check(response)
        try:
            return model.model_validate_json(response.content)
        except ValueError as error:
            raise ClientError(f"What answers at {self.url} is not Impasto.") from error

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Turn errors of the connection into ours."""
        try:
            yield
        except httpx2.ConnectError as error:
            raise ServiceUnreachable(f"Nothing answers at {self.url} ({error}).") from error
        except httpx2.TransportError as error:
            what = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise ServiceUnreachable(f"The connection to {self.url} failed ({what}).") from error


def _host(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ClientError(f"{url!r} is no service's address, such as http://127.0.0.1:8000.")
    return parsed.host


def _own(address: str) -> str:
    """Refuse to be led to another server, and to take our key there."""
    if not address.startswith("/") or address.startswith("//"):
        raise ClientError(f"The service named an address that is not its own: {address}")
    return address


def _check(response: httpx2.Response) -> None:
    """Raise the problem that the service told, if it did."""
    if response.is_success:
        return
    response.read()
    problem = _problem(response)
    detail = str(problem.get("detail", f"HTTP {response.status_code} from {response.url}"))
    slug = str(problem.get("type", "")).rpartition(":")[2] or "http"
    busy = response.status_code in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
    raise (ServiceUnreachable if busy else ClientError)(
        detail, type=slug, status=response.status_code
    )


def _problem(response: httpx2.Response) -> dict[str, Any]:
    try:
        body: object = json.loads(response.content)
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
