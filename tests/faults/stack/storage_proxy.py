"""A proxy before the S3 server that breaks a part of the calls, as networks and servers do.

Clients are pointed at it and sign its address as the Host, which it passes on as it is; so the
server finds the signature that it expects.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.stack.loopback_server import LoopbackServer, reset

#: Seconds of the shortest and the longest stall.
STALL_SECONDS = (1.0, 4.0)

_ERROR = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Later.</Message></Error>"
_REFUSAL = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_ERROR), _ERROR)
)


class Mischief(StrEnum):
    """What becomes of a call."""

    REFUSED = "answered 503"
    RESET = "reset before it reaches the server"
    UNANSWERED = "done, and its answer lost"
    STALLED = "stalled"
    CUT = "cut off in the body of the request"
    TRUNCATED = "cut off in the body of the answer"


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line and headers, and the body as it is on the wire."""

    head: bytes
    body: bytes

    @property
    def half(self) -> bytes:
        """What has arrived when the connection breaks in the middle of the body."""
        return self.head + self.body[: len(self.body) // 2]


class StorageProxy(LoopbackServer):
    """Passes calls on to the server; in a time of trouble breaks a share of them.

    `delay` is how many seconds every answer takes longer, as of a bucket that is far away; not
    where styles are concerned, because the API publishes hundreds of files whenever it starts.
    """

    def __init__(self, *, seed: int = 1, delay: float = 0.0) -> None:
        super().__init__()
        #: Port of the server, on loopback.
        self.leads_to = 0
        self.delay = delay
        self._chance = random.Random(seed)
        self._choose: Callable[[bytes], Mischief | None] = lambda _head: None
        self._stall: tuple[float, float] = STALL_SECONDS
        #: How many calls of each kind of mischief there were.
        self.done: dict[Mischief, int] = dict.fromkeys(Mischief, 0)

    @property
    def url(self) -> str:
        """Its own address, which takes the server's place."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def trouble(self, share: float, kinds: Sequence[Mischief] = tuple(Mischief)) -> Iterator[None]:
        """Break a share (0..1) of the calls for a while."""

        def choose(_head: bytes) -> Mischief | None:
            unlucky = self._chance.random() < share
            return self._chance.choice(kinds) if unlucky else None

        with self._choosing(choose):
            yield

    @contextmanager
    def stalled(self, word: bytes, seconds: float) -> Iterator[None]:
        """Let every call whose first line holds `word` take `seconds` longer for a while."""
        before, self._stall = self._stall, (seconds, seconds)
        try:
            with self._choosing(lambda head: Mischief.STALLED if word in head else None):
                yield
        finally:
            self._stall = before

    @contextmanager
    def _choosing(self, choose: Callable[[bytes], Mischief | None]) -> Iterator[None]:
        before, self._choose = self._choose, choose
        try:
            yield
        finally:
            self._choose = before

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client's connection, a call after the other, over one to the server."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while request := await self._receive(reader, writer):
                upstream = upstream or await asyncio.open_connection("127.0.0.1", self.leads_to)
                if not await self._pass(request, writer, *upstream):
                    reset(writer)
                    return
        finally:
            if upstream is not None:
                upstream[1].close()

    async def _receive(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Message | None:
        """Return the next request; None when the client is done."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        if _header(head, b"expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = _without(head, b"expect")
        return Message(head, await _body(reader, head))

    async def _pass(
        self,
        request: Message,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> bool:
        """Pass a request on and its answer back; False ends the client's connection."""
        mischief = self._choose(request.head.partition(b"\r\n")[0])
        if mischief is not None:
            self.done[mischief] += 1
        return await self._treat(mischief, request, client, answers, server)

    async def _treat(
        self,
        mischief: Mischief | None,
        request: Message,
        client: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> bool:
        """Do to a request what is to become of it; False ends the client's connection."""
        if mischief is Mischief.REFUSED:
            client.write(_REFUSAL)
            return True
        if mischief is Mischief.RESET:
            return False
        if mischief is Mischief.STALLED:
            await asyncio.sleep(self._chance.uniform(*self._stall))
        if mischief is Mischief.CUT:
            server.write(request.half)
            await server.drain()
            return False
        server.write(request.head + request.body)
        answer = await _answer(answers, to_head=request.head.startswith(b"HEAD "))
        if b"/styles/" not in request.head:
            await asyncio.sleep(self.delay)
        if mischief is Mischief.UNANSWERED:
            return False
        client.write(answer.half if mischief is Mischief.TRUNCATED else answer.head + answer.body)
        await client.drain()
        if mischief is Mischief.TRUNCATED:
            await asyncio.sleep(0.05)  # so that the half arrives before the end
        return mischief is not Mischief.TRUNCATED


async def _answer(reader: asyncio.StreamReader, *, to_head: bool) -> Message:
    head = await reader.readuntil(b"\r\n\r\n")
    bodiless = to_head or head.split(b" ", 2)[1] in (b"204", b"304")
    return Message(head, b"" if bodiless else await _body(reader, head))


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """Return a body as it is on the wire, with the frames of chunked ones."""
    if b"chunked" in _header(head, b"transfer-encoding"):
        return await _chunks(reader)
    return await reader.readexactly(int(_header(head, b"content-length") or 0))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces: list[bytes] = []
    while True:
        size = await reader.readuntil(b"\r\n")
        pieces += [size, await reader.readexactly(int(size.partition(b";")[0], 16) + 2)]
        if pieces[-1] == b"\r\n" and int(size, 16) == 0:
            return b"".join(pieces)


def _header(head: bytes, name: bytes) -> bytes:
    """Return a header's value in lower case; empty when it is not there."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return b""


def _without(head: bytes, name: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if line.partition(b":")[0].strip().lower() != name)
