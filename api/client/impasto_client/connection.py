"""The HTTP connection to a service: requests, errors and retries."""

import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

import httpx2

from .documents import parse
from .new_files import move_into_place, partial_file

#: Seconds that a call is repeated while the service cannot be reached.
PATIENCE_SECONDS = 120.0
#: Seconds between two attempts, at first and at last.
MIN_PAUSE, MAX_PAUSE = 0.2, 2.0
#: Seconds to connect, and to wait for data from the service.
TIMEOUT = httpx2.Timeout(60.0, connect=5.0, write=300.0)

T = TypeVar("T")

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    D = TypeVar("D", bound=DataclassInstance)


class ClientError(Exception):
    """The service refused a request, or could not be reached.

    `type` is the problem's slug, `status` the HTTP status (0 when nothing was answered).
    """

    def __init__(self, detail: str, *, type: str = "client", status: int = 0) -> None:
        super().__init__(detail)
        self.type = type
        self.status = status


class ServiceUnreachable(ClientError):
    """Nothing answers at the service's address, or it cannot work just now."""


class Connection:
    """The connections to one service, and the API key sent with each request."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send nothing yet; raises ClientError for an invalid address, key or proxy."""
        self.url = url.rstrip("/")
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {_sendable(key)}"} if key else {}
        trust_env = not _is_loopback(_host(self.url))  # no proxy leads to this machine
        try:
            self._http = httpx2.Client(
                base_url=self.url,
                headers=headers,
                timeout=TIMEOUT,
                transport=transport,
                trust_env=trust_env,
            )
        except (httpx2.InvalidURL, ValueError, ImportError):
            # Not from httpx's error, which repeats the proxy's address: it may hold a password.
            raise ClientError(
                "The proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used; they "
                "take addresses such as http://proxy.example.com:3128."
            ) from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, address: str, kind: "type[D]") -> "D":
        """Fetch a document; raises ClientError."""
        return self.request("GET", address, kind)

    def request(
        self,
        method: str,
        address: str,
        kind: "type[D]",
        **request: Any,  # noqa: ANN401
    ) -> "D":
        """Send a request and read its answer; raises ClientError."""
        response = self.send(method, address, **request)
        try:
            return parse(kind, response.content)
        except ValueError as error:
            raise ClientError(f"What answers at {self.url} is not Impasto.") from error

    def send(self, method: str, address: str, **request: Any) -> httpx2.Response:  # noqa: ANN401
        """Send a request; raises ClientError where it is refused."""
        with self._translated():
            response = self._http.request(method, address, **request)
            _check(response)
        return response

    def patiently(self, call: Callable[[], T]) -> T:
        """Repeat a call until the service answers; only for what may be repeated.

        Raises ServiceUnreachable after PATIENCE_SECONDS.
        """
        given_up = time.monotonic() + PATIENCE_SECONDS
        pause = MIN_PAUSE
        while True:
            try:
                return call()
            except ServiceUnreachable:
                if time.monotonic() > given_up:
                    raise
            self._sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)

    def save(
        self, address: str, path: Path, *, overwrite: bool, modified_ns: int | None = None
    ) -> Path:
        """Fetch one of the service's addresses into a file, which appears whole or not at all.

        Returns its path: another one than asked for where a different file is there already and
        `overwrite` is not set. The file's time becomes `modified_ns` (since the epoch).
        """
        own = self.own_address(address)
        with partial_file(path) as partial:
            self.patiently(lambda: self._fetch(own, partial))
            if modified_ns is not None:
                os.utime(partial, ns=(modified_ns, modified_ns))
            return move_into_place(partial, path, overwrite=overwrite)

    def own_address(self, address: str) -> str:
        """Return an address that the service named, without the path that its own ends with.

        Raises ClientError for another server's. Behind a proxy a service may or may not know the
        path below which it is offered.
        """
        if not address.startswith("/") or address.startswith("//"):
            raise ClientError(f"The service named an address that is not its own: {address}")
        below = address.removeprefix(httpx2.URL(self.url).path.rstrip("/"))
        return below if below.startswith("/v1/") else address

    def _fetch(self, address: str, partial: Path) -> None:
        with self._translated(), self._http.stream("GET", address) as response:
            _check(response)
            with partial.open("wb") as file:
                file.writelines(response.iter_bytes())

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Translate errors of the connection into ClientError."""
        try:
            yield
        except httpx2.ConnectError as error:
            raise ServiceUnreachable(f"Nothing answers at {self.url} ({error}).") from error
        except httpx2.TransportError as error:
            what = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise ServiceUnreachable(f"The connection to {self.url} failed ({what}).") from error
        except UnicodeError as error:  # as of a host with a part that is empty, or too long
            raise ClientError(f"{self.url} is no address of a service.") from error


def _host(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ClientError(f"{url!r} is no service's address, such as http://127.0.0.1:8000.")
    return parsed.host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _sendable(key: str) -> str:
    """Refuse a key that no header can carry, without repeating it."""
    if not (key.isascii() and key.isprintable()):
        raise ClientError("The API key (IMPASTO_API_KEY) must be printable ASCII, on one line.")
    return key


def job_address(job_id: str) -> str:
    """Return the address of a job; raises ClientError for an id that no server accepts.

    Servers read a quoted slash as a slash, and nothing, or dots, lead to other addresses.
    """
    if job_id in ("", ".", "..") or "/" in job_id:
        raise ClientError(f"No job {job_id!r} is known here; check the id.", type="job-missing")
    return f"/v1/jobs/{quoted(job_id)}"


def quoted(name: str) -> str:
    """Write a name as one part of an address; names from a command line need not be UTF-8."""
    return quote(name, safe="", errors="surrogateescape")


def _check(response: httpx2.Response) -> None:
    """Raise the problem that the service answered with, if it did."""
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
