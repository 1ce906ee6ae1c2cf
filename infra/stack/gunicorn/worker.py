"""gunicorn's thread worker for the API: no thread waits for a client for ever.

gunicorn's own reads and writes without a time limit and leaves that to a proxy in front. As many
clients as there are threads, each silent in the middle of a request or sending a byte now and then,
would stop it.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from errno import ECONNRESET
from socket import socket
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

from gunicorn.http.errors import ParseException
from gunicorn.util import close_graceful, write_nonblock
from gunicorn.workers.gthread import TConn, ThreadWorker

from infra.stack.gunicorn.error_answers import UnsentAnswer, problem_answer
from infra.stack.gunicorn.throughput_guard import ThroughputGuard

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from gunicorn.http import Request

#: Seconds that a thread waits for the whole header of a request, however it trickles in: nobody has
#: shown a key yet.
HEADER_SECONDS: Final = 10.0
#: Seconds without a single byte, sent or taken, after which a client is given up.
IDLE_SECONDS: Final = 30.0
#: Seconds of waiting for a client between two checks of its throughput.
THROUGHPUT_SECONDS: Final = 60.0
#: Bytes that a client must send, or take, in each second of them: an eighth of 64 kbit/s.
MIN_BYTES_PER_SECOND: Final = 1024
#: Seconds that a client may take to hang up when its connection ends; closed at once, it might not
#: get to read the answer.
LINGER_SECONDS: Final = 2.0


class ClientSocket(socket):
    """A connection to a client. Where gunicorn would block, it waits `idle_seconds` for a byte.

    A client that sends or takes bytes, but fewer than `guard` asks for, is given up, too. gunicorn
    then sees a client that has hung up (ConnectionResetError): that ends the connection, and is not
    logged as an error.
    """

    idle_seconds: float
    guard: ThroughputGuard
    #: Whether the client was given up.
    gone: bool = False
    #: Moment of the monotonic clock at which the header must be there; None while none is read.
    _header_due: float | None = None

    @classmethod
    def taking_over(cls, client: socket, idle_seconds: float, guard: ThroughputGuard) -> Self:
        """Return the connection of a socket, which loses it."""
        taken = cls(client.family, client.type, client.proto, client.detach())
        taken.idle_seconds = idle_seconds
        taken.guard = guard
        return taken

    def await_header(self, seconds: float) -> None:
        """Let what is received from now on be a header, which has to be whole within `seconds`."""
        self._header_due = time.monotonic() + seconds

    def header_is_there(self) -> None:
        """Let what is received from now on be a body, which may take its time."""
        self._header_due = None
        self.guard.restart()
        self.setblocking(True)

    def setblocking(self, flag: bool, /) -> None:
        """Wait, from now on, or not; a closed connection does neither."""
        if self.fileno() >= 0:
            self.settimeout(self.idle_seconds if flag else 0)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return some bytes; raises ConnectionResetError when none, or too few, come in time."""
        with self._giving_up():
            if self._header_due is not None:
                self.settimeout(_seconds_until(self._header_due))
            begun = time.monotonic()
            taken = super().recv(bufsize, flags)
            self.guard.count(len(taken), time.monotonic() - begun)
        return taken

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send all bytes; raises ConnectionResetError when none, or too few, are taken in time.

        Python's own would count the time of all of them together, and a large photo on a slow way
        may take any.
        """
        left = memoryview(data)
        with self._giving_up():
            while left:
                begun = time.monotonic()
                sent = self.send(left, flags)
                self.guard.count(sent, time.monotonic() - begun)
                left = left[sent:]

    @contextmanager
    def _giving_up(self) -> Generator[None]:
        try:
            yield
        except TimeoutError as error:
            self.gone = True
            raise ConnectionResetError(ECONNRESET, "The client was given up.") from error


def _seconds_until(moment: float) -> float:
    """Return the seconds left; raises TimeoutError when there are none."""
    left = moment - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Reader(Protocol):
    """The reader with which gunicorn takes a body out of a connection."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer at the end alone."""
        ...


class BodyReader:
    """Reads a body for an app that does not know gunicorn.

    gunicorn's errors about damaged chunks are no OSError, so an app would take them for its own
    fault. ConnectionResetError tells both the app and gunicorn that the connection broke.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer at the end alone; raises OSError."""
        try:
            return self._reader.read(size)
        except ParseException as error:
            raise ConnectionResetError(ECONNRESET, "The body is damaged.") from error


class PatientWorker(ThreadWorker):
    """gunicorn's thread worker over connections whose clients may not keep it waiting for ever."""

    header_seconds = HEADER_SECONDS
    idle_seconds = IDLE_SECONDS
    linger_seconds = LINGER_SECONDS
    throughput_seconds = THROUGHPUT_SECONDS
    min_bytes_per_second = MIN_BYTES_PER_SECOND

    def handle(self, conn: TConn) -> bool:
        """Serve a request, in a thread of the pool; returns whether the connection is kept."""
        if self.cfg.is_ssl:  # TLS takes the socket over; it is not what the stack does
            return super().handle(conn)
        if not isinstance(conn.sock, ClientSocket):
            guard = ThroughputGuard(
                seconds=self.throughput_seconds, bytes_per_second=self.min_bytes_per_second
            )
            conn.sock = ClientSocket.taking_over(conn.sock, self.idle_seconds, guard)
        conn.sock.await_header(self.header_seconds)
        kept = super().handle(conn)
        if not kept:
            # The main thread would accept nobody while it waits for a client to hang up.
            self._end(conn.sock)
        return kept

    def handle_request(self, req: "Request", conn: TConn) -> bool:
        """Serve a request whose header is there."""
        if isinstance(conn.sock, ClientSocket):
            conn.sock.header_is_there()
        body = cast("Any", req.body)  # gunicorn's readers have no type in common
        body.reader = BodyReader(body.reader)
        return super().handle_request(req, conn)

    def handle_error(
        self,
        req: "Request | None",
        client: socket,
        addr: Any,  # noqa: ANN401  (gunicorn's stubs keep its type to themselves)
        exc: BaseException,
    ) -> None:
        """Answer a request that no app gets to see; gunicorn logs it and chooses the status."""
        unsent = UnsentAnswer()
        super().handle_error(req, cast("socket", unsent), addr, exc)
        with suppress(OSError):  # who sent such a request may have gone
            write_nonblock(client, problem_answer(unsent.status, exc))

    def _end(self, client: ClientSocket) -> None:
        if client.gone:
            client.close()
        else:
            close_graceful(client, timeout=self.linger_seconds)
