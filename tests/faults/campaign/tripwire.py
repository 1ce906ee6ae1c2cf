"""A wire to Redis that acts the moment before a certain command passes."""

import asyncio
from collections.abc import Callable

from tests.faults.stack.loopback_server import BROKEN, LoopbackServer, reset

#: Bytes that are passed on at a time.
_PIECE = 1 << 16


class Tripwire(LoopbackServer):
    """Passes everything on between a client and Redis, until a word comes by that it is set for.

    The command that holds the word never arrives: its connection is reset.
    """

    def __init__(self) -> None:
        super().__init__()
        #: Port of Redis, on loopback.
        self.leads_to = 0
        self._word = b""
        self._act: Callable[[], None] = lambda: None

    def set(self, word: bytes, act: Callable[[], None]) -> None:
        """Do something, once, before a command with `word` in it reaches Redis."""
        self._act, self._word = act, word

    @property
    def sprung(self) -> bool:
        """Whether what it was set for has happened."""
        return not self._word

    def disarm(self) -> None:
        """Let everything pass."""
        self._word = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client to Redis."""
        inner, outer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        back = asyncio.create_task(_pump(inner, writer))
        try:
            while piece := await reader.read(_PIECE):
                if self._word and self._word in piece:
                    self._spring(writer)
                    return
                outer.write(piece)
                await outer.drain()
        finally:
            back.cancel()
            outer.close()

    def _spring(self, writer: asyncio.StreamWriter) -> None:
        self._word = b""
        self._act()
        reset(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what Redis answers; a connection that ends there ends here."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except BROKEN:
        pass
    finally:
        writer.close()
