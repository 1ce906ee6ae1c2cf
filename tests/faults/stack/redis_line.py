"""The way between workers and Redis: it breaks at one command of many, or loses replies."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from tests.faults.stack.loopback_server import BROKEN, LoopbackServer, reset

#: Bytes that are passed on at a time.
_PIECE = 1 << 16


class Break(Enum):
    """How a connection breaks at a command."""

    #: The command never arrives, and the connection is reset.
    COMMAND = auto()
    #: The command arrives, and the connection is reset before its reply.
    REPLY = auto()
    #: The command arrives, and nothing comes back any more; the connection stays open.
    SILENCE = auto()


class RedisLine(LoopbackServer):
    """Passes everything on between clients and Redis until it is told to break."""

    def __init__(self) -> None:
        super().__init__()
        #: Port of Redis, on loopback.
        self.leads_to = 0
        self._word = b""
        self._left = 0
        self._how = Break.COMMAND
        self._lost = 0.0
        self._chance = random.Random(0)
        #: How often it broke.
        self.broken = 0

    def break_at(self, command: int, how: Break, word: bytes = b"") -> None:
        """Break at the n-th command from now on, of those that hold a word; 1 is the next."""
        self._how, self._word, self._left = how, word, command

    @property
    def whole(self) -> bool:
        """Whether what it was told to break has broken."""
        return self._left == 0

    def mend(self) -> None:
        """Break nothing that has not broken yet."""
        self._left = 0

    @contextmanager
    def losing(self, share: float, seed: int = 0) -> Iterator[None]:
        """Lose a share of the replies inside; whoever waits for one waits in vain."""
        self._chance, self._lost = random.Random(seed), share
        try:
            yield
        finally:
            self._lost = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client to Redis."""
        inner, outer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        silent = asyncio.Event()
        back = asyncio.create_task(self._answer(inner, writer, silent))
        try:
            while piece := await reader.read(_PIECE):
                how = self._due(piece)
                if how is not Break.COMMAND:
                    if how is Break.SILENCE:
                        silent.set()
                    outer.write(piece)
                    await outer.drain()
                if how in (Break.COMMAND, Break.REPLY):
                    reset(writer)
                    return
        finally:
            back.cancel()
            outer.close()

    def _due(self, piece: bytes) -> Break | None:
        if self._left == 0 or self._word not in piece:
            return None
        self._left -= 1
        self.broken += self._left == 0
        return self._how if self._left == 0 else None

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        try:
            while piece := await reader.read(_PIECE):
                if silent.is_set():
                    continue
                if self._lost and self._chance.random() < self._lost:
                    silent.set()
                    continue
                writer.write(piece)
                await writer.drain()
        except BROKEN:
            pass
        finally:
            writer.close()
