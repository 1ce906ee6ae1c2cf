"""A client that falls silent takes a thread of the API for a moment, not for ever."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Thread

import pytest

from infra.stack.gunicorn.error_answers import MAX_DETAIL_LENGTH
from infra.stack.ports import LOOPBACK, free_port
from tests.fakes.hasty import LARGE, HastyWorker
from tests.integration.live_stack import wait_until

THREADS = 2
ROOT = Path(__file__).parents[4]
#: Seconds within which all threads are free again, and somebody else is answered.
SOON = 3 * max(HastyWorker.header_seconds, HastyWorker.idle_seconds, HastyWorker.throughput_seconds)
_TOO_LARGE = "request-header-fields-too-large"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Server:
    """A gunicorn with the API's worker; `log` is what it says."""

    port: int
    log: Path

    def connect(self, seconds: float = 20.0) -> socket.socket:
        """Return a new connection that waits so long for each answer."""
        return socket.create_connection((LOOPBACK, self.port), timeout=seconds)

    def answers(self) -> bool:
        """Whether a whole request is answered soon."""
        try:
            with self.connect(SOON) as client:
                client.sendall(GET)
                return client.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, up."""
    found = Server(free_port(), tmp_path_factory.mktemp("gunicorn") / "log")
    command = (
        *(sys.executable, "-m", "gunicorn", "tests.fakes.hasty:app", "--no-control-socket"),
        *("--worker-class", "tests.fakes.hasty.HastyWorker", "--threads", str(THREADS)),
        *("--bind", f"{LOOPBACK}:{found.port}", "--graceful-timeout", "1"),
    )
    with found.log.open("w") as log, subprocess.Popen(command, cwd=ROOT, stderr=log) as process:
        try:
            wait_until(found.answers, "gunicorn")
            yield found
        finally:
            process.terminate()


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"GET / HTTP/1.1\r\n", id="in the header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nab", id="in the body"),
        pytest.param(b"GET /large HTTP/1.1\r\n\r\n", id="while it is answered"),
    ],
)
def test_clients_that_fall_silent_do_not_keep_others_waiting(
    beginning: bytes, server: Server
) -> None:
    with ExitStack() as silent:
        for _ in range(THREADS):
            silent.enter_context(server.connect()).sendall(beginning)
        assert server.answers()


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"GET / HTTP/1.1\r\nX-Slow: ", id="header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", id="body"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n", id="chunk"),
    ],
)
def test_request_that_trickles_is_not_waited_for(beginning: bytes, server: Server) -> None:
    """A byte now and then is no silence, and may go on for ever."""
    with ExitStack() as slow:
        clients = [slow.enter_context(server.connect()) for _ in range(THREADS)]
        for client in clients:
            client.sendall(beginning)
        trickle = Thread(target=_trickle, args=(clients,))
        trickle.start()
        assert server.answers()
        trickle.join()


def _trickle(clients: list[socket.socket]) -> None:
    until = time.monotonic() + SOON
    with suppress(ConnectionError):
        while time.monotonic() < until:
            for client in clients:
                client.sendall(b"x")
            time.sleep(HastyWorker.idle_seconds / 6)


def test_slow_upload_is_taken_whole(server: Server) -> None:
    """It may take any time, as long as it is fast enough."""
    pause = HastyWorker.idle_seconds / 4
    piece = bytes(int(2 * HastyWorker.min_bytes_per_second * pause))
    pieces = int(3 * HastyWorker.throughput_seconds / pause)
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (pieces * len(piece)))
        for _ in range(pieces):
            time.sleep(pause)
            client.sendall(piece)
        with client.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\n%d" % (pieces * len(piece)))


def test_slow_reader_gets_everything(server: Server) -> None:
    """As long as it is taken fast enough, an answer may take any time."""
    with server.connect() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        begun, taken = time.monotonic(), 0
        while piece := client.recv(LARGE // 64):
            taken += len(piece)
            time.sleep(HastyWorker.idle_seconds * 2 / 64)
        assert time.monotonic() - begun > HastyWorker.idle_seconds
    assert taken > LARGE


def test_connection_is_kept_for_another_request(server: Server) -> None:
    client = HTTPConnection(LOOPBACK, server.port, timeout=SOON)
    with closing(client):
        _ask(client)
        first = client.sock
        time.sleep(HastyWorker.idle_seconds * 1.5)
        _ask(client)
        assert client.sock is first


def _ask(client: HTTPConnection) -> None:
    client.request("GET", "/")
    assert client.getresponse().read() == b"0"


def test_clients_that_do_not_hang_up_do_not_keep_others_waiting(server: Server) -> None:
    """They were told that the connection ends; the server waits a moment for them, in threads."""
    with ExitStack() as lingering:
        for _ in range(2 * THREADS):
            client = lingering.enter_context(server.connect(SOON))
            client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"zz\r\nab\r\n0\r\n\r\n", id="size"),
        pytest.param(b"2;\x01\r\nab\r\n0\r\n\r\n", id="extension"),
        pytest.param(b"2\r\nabXX0\r\n\r\n", id="end of a chunk"),
        pytest.param(b"2\r\nab\r\n0\r\nBad\x01: 1\r\n\r\n", id="trailer"),
    ],
)
def test_damaged_chunks_are_a_broken_connection_to_the_app(chunks: bytes, server: Server) -> None:
    """WSGI knows no other error that is the client's, and this one the app answers."""
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sendall(chunks)
        with client.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\nunreadable")


@pytest.mark.parametrize(
    ("request_head", "status", "kind"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000, 431, _TOO_LARGE, id="long header"),
        pytest.param(b"GET / HTTP/1.1" + b"\r\nX: 1" * 200, 431, _TOO_LARGE, id="many headers"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1", 414, "request-uri-too-long", id="path"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: abc", 400, "bad-request", id="no length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3",
            *(400, "bad-request"),
            id="two lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: zip", 501, "not-implemented", id="coding"
        ),
    ],
)
def test_request_that_gunicorn_refuses_is_answered_with_a_problem(
    request_head: bytes, status: int, kind: str, server: Server
) -> None:
    with server.connect() as client:
        client.sendall(request_head + b"\r\n\r\n")
        answer = HTTPResponse(client)
        answer.begin()
        details = json.load(answer)
        assert client.recv(1) == b""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status == details["status"] == status
    assert details["type"] == f"urn:impasto:problem:{kind}"
    assert len(details["detail"]) <= MAX_DETAIL_LENGTH


def test_silence_is_no_error_of_ours(server: Server) -> None:
    """The log is for what somebody should look at."""
    log = server.log.read_text()
    assert "Traceback" not in log
    assert log.count("Booting worker") == 1
