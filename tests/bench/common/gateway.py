"""A gateway to S3 that kills whoever writes a checkpoint, at a chosen boundary of the write.

It stands between the trainers and the storage server and passes on what it is not to kill for.
What the server has seen of a request is then exactly what a process leaves that dies there.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import urlsplit

#: What the keys of checkpoints have in them.
CHECKPOINTS: Final = "/checkpoints/"
#: Headers of one connection, not of the request or the answer.
_HOP: Final = ("connection", "expect", "transfer-encoding", "keep-alive")


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place in the writing of a checkpoint: nothing, half or all of a request has arrived.

    After all of it has, the process dies without an answer.
    """

    method: Literal["PUT", "DELETE"]
    moment: Literal["before", "within", "after"]

    def __str__(self) -> str:
        """Name it for a table."""
        return f"{self.moment} {self.method}"


#: Every boundary of a checkpoint: it is put, and then the oldest one is deleted.
BOUNDARIES: Final = (
    Boundary("PUT", "before"),
    Boundary("PUT", "within"),
    Boundary("PUT", "after"),
    Boundary("DELETE", "before"),
    Boundary("DELETE", "after"),
)


class Gateway:
    """Listens on loopback while it is entered; `kill` is told the port of the caller's socket."""

    def __init__(self, upstream: str, kill: Callable[[int], None]) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.kill = kill
        self._armed: Boundary | None = None
        self._lock = threading.Lock()
        self._server = _Server(self)

    @property
    def url(self) -> str:
        """Its address, in the place of the storage server's."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def armed(self) -> bool:
        """Whether a boundary still waits for somebody to come to it."""
        return self._armed is not None

    def arm(self, boundary: Boundary) -> None:
        """Kill the next one who comes to a boundary."""
        with self._lock:
            self._armed = boundary

    def disarm(self, method: str, path: str) -> Boundary | None:
        """Return the boundary that a request comes to, which then waits no more."""
        with self._lock:
            due = self._armed
            if due is None or due.method != method or CHECKPOINTS not in path:
                return None
            self._armed = None
            return due


class _Server(ThreadingHTTPServer):
    """Passes each request on in a thread of its own."""

    daemon_threads = True

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gateway = gateway


class _Handler(BaseHTTPRequestHandler):
    """One request: read, passed on as it is (its signature covers the host), and answered."""

    protocol_version = "HTTP/1.1"

    @property
    def _gateway(self) -> Gateway:
        assert isinstance(self.server, _Server)
        return self.server.gateway

    def _pass_on(self) -> None:
        gateway = self._gateway
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        due = gateway.disarm(self.command, self.path)
        if due is None or due.moment != "before":
            upstream = HTTPConnection(gateway.upstream, timeout=60)
            try:
                if answer := self._forward(upstream, body, due):
                    self._answer(answer)
            finally:
                upstream.close()
        if due is not None:
            self.close_connection = True
            gateway.kill(self.client_address[1])

    def _forward(
        self, upstream: HTTPConnection, body: bytes, due: Boundary | None
    ) -> HTTPResponse | None:
        """Send the request, or half of it; returns what is to be answered."""
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP:
                upstream.putheader(name, value)
        upstream.endheaders()
        if due is not None and due.moment == "within":
            upstream.send(body[: len(body) // 2])
            return None
        upstream.send(body)
        answer = upstream.getresponse()
        if due is None:
            return answer
        answer.read()
        return None

    def _answer(self, answer: HTTPResponse) -> None:
        body = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in (*_HOP, "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
