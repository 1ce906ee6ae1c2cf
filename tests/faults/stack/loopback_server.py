"""A small asyncio server on a loopback port, in a thread of its own."""

import asyncio
import socket
import ssl
import struct
import threading
from contextlib import suppress

#: SO_LINGER with no time: closing sends a reset, and what was not sent is dropped.
_NO_LINGER = struct.pack("ii", 1, 0)

#: What a connection may end in; a stack that is being broken ends many.
BROKEN = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)


class LoopbackServer:
    """Serves every connection by `serve`, between `start` and `stop`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """With `tls`, connections are encrypted, and `serve` reads and writes what is inside."""
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._socket.getsockname()[1]

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Serve nobody any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._socket.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; what it raises of BROKEN ends the connection."""
        raise NotImplementedError

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connected, sock=self._socket, ssl=self._tls)
        )
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # A cancelled connection is one that the server's end cut off.
            with suppress(*BROKEN, asyncio.CancelledError):
                await self.serve(reader, writer)
        finally:
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crashed peer does, with a reset."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
