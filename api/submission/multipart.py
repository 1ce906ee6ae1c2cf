"""A multipart/form-data body (RFC 7578) as a stream: one part at a time, never more than one photo.

An archive of photos, which may be as large as an album, is not even held as one part.

Werkzeug's form parser would keep every photo of the album in an open temporary file until the
last one is there, and its decoder (3.1) adds a stray CR to a part where a read ends inside the
boundary's own line. This one hands a photo over, whole, and forgets it before it reads the next.
"""

from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Protocol, cast

from werkzeug.http import parse_options_header

from api.archives.zip_directory import ZIP_BEGINNINGS
from api.problems import MalformedRequest
from infra.disk import is_full_disk
from infra.errors import AlbumTooLarge, ServiceUnavailable

#: Bytes read from the client at a time.
READ_BYTES = 256 * 1024
#: Bytes of a photo that stay in memory; the rest of a larger one goes to a temporary file.
SPOOL_BYTES = 4 * 1024 * 1024
#: Bytes that a text field, and a part's headers, may have.
MAX_FIELD_BYTES = 64 * 1024

#: The year 9900, seconds since the epoch: dates end a little later.
LAST_DATE = 250_000_000_000.0

_DAMAGED = "The multipart body is damaged, or broke off before its end. Send it again."


class Readable(Protocol):
    """The source of the bytes: a WSGI input stream."""

    def read(self, size: int, /) -> bytes | None:
        """Return some bytes, none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class TextPart:
    """A form field."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file; `file` stands at its start and lives until the next part is asked for.

    That of an `archive` comes straight from the body: it can be read forward, and once. One that is
    `too_large` has passed by, and its file is empty.
    """

    name: str
    filename: str
    file: BinaryIO
    archive: bool = False
    too_large: bool = False
    #: When it was changed last, seconds since the epoch; None where its sender does not say.
    modified: float | None = None


def read_parts(
    stream: Readable,
    boundary: str,
    *,
    max_file_bytes: int,
    archives: Collection[str] = (),
    max_archive_bytes: int = 0,
) -> Iterator[TextPart | FilePart]:
    """Yield the parts of a body in the order they come; ZIP files as such in fields of `archives`.

    A file of more than `max_file_bytes` is marked; reading an archive of more than
    `max_archive_bytes` raises AlbumTooLarge, which names it, and the next part can be read still.
    Raises MalformedRequest where the body breaks the format or breaks off, and ServiceUnavailable
    where the disk has no room for a photo.
    """
    body = _Body(stream, boundary)
    for _ in body.content():  # a preamble means nothing
        pass
    while body.has_part():
        headers = _parse_headers(body.head())
        disposition, fields = parse_options_header(headers.get("content-disposition"))
        name = fields.get("name")
        if disposition != "form-data" or name is None:
            raise MalformedRequest(_DAMAGED)
        if "filename" not in fields:
            yield TextPart(name, _text(name, body.content()))
            continue
        filename, modified = fields["filename"], _modified(fields.get("modification-date", ""))
        beginning, content = _peek(body.content())
        if name in archives and beginning.startswith(ZIP_BEGINNINGS):
            limited = _limited(filename, content, max_archive_bytes)
            forward = cast("BinaryIO", _Forward(limited))
            yield FilePart(name, filename, forward, archive=True, modified=modified)
            for _ in content:  # what its reader left
                pass
            continue
        with _telling_full_disk(), SpooledTemporaryFile[bytes](max_size=SPOOL_BYTES) as file:
            fits = _spool(content, file, max_file_bytes)
            whole = cast("BinaryIO", file)
            yield FilePart(name, filename, whole, too_large=not fits, modified=modified)


def _modified(text: str) -> float | None:
    """Read a date as RFC 2183 has it; None for anything else, and for no date that files have."""
    try:
        seconds = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return seconds if 0 <= seconds < LAST_DATE else None


def _spool(content: Iterator[bytes], file: SpooledTemporaryFile[bytes], max_bytes: int) -> bool:
    """Keep a file, or let it pass by where it has more bytes; return which, the file at its start.

    What passes by is neither in memory nor on the disk.
    """
    size = 0
    for piece in content:
        size += len(piece)
        if size <= max_bytes:
            file.write(piece)
        elif file.tell():
            file.seek(0)
            file.truncate()
    file.seek(0)
    return size <= max_bytes


@contextmanager
def _telling_full_disk() -> Generator[None]:
    """Report a full disk as ServiceUnavailable, also where only closing the file finds it."""
    try:
        yield
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise ServiceUnavailable(
            "The server's disk for uploads is full. Try again later, or with smaller photos."
        ) from error


class _Body:
    """A body: the bytes read and not used yet, and the stream of the rest."""

    def __init__(self, stream: Readable, boundary: str) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + _boundary_bytes(boundary)
        # The first boundary may stand at the very start, without a line break before it.
        self._unused = bytearray(b"\r\n")

    def content(self) -> Iterator[bytes]:
        """Yield everything from the line break here up to the next boundary, and pass that."""
        while len(self._unused) < len(self._delimiter):
            self._read()
        if not self._unused.startswith(self._delimiter):  # it does where there is no content
            del self._unused[:2]
        held = len(self._delimiter) - 1  # may be the beginning of a boundary
        while (end := self._unused.find(self._delimiter)) < 0:
            if piece := bytes(self._unused[:-held]):
                del self._unused[:-held]
                yield piece
            self._read()
        yield bytes(self._unused[:end])
        del self._unused[: end + len(self._delimiter)]

    def has_part(self) -> bool:
        """Whether the boundary just passed begins a part; two dashes say that it ends the body."""
        while len(self._unused) < 2:
            self._read()
        if self._unused.startswith(b"--"):
            return False
        if self._line_up_to(b"\r\n").strip(b" \t"):
            raise MalformedRequest(_DAMAGED)
        self._unused[:0] = b"\r\n"  # so that headers, none or some, end with an empty line
        return True

    def head(self) -> bytes:
        """Return the part's headers."""
        head = self._line_up_to(b"\r\n\r\n")
        self._unused[:0] = b"\r\n"  # may be a boundary's: a part need not have content (RFC 2046)
        return head

    def _line_up_to(self, end: bytes) -> bytes:
        while (at := self._unused.find(end)) < 0:
            if len(self._unused) > MAX_FIELD_BYTES:
                raise MalformedRequest("The headers of a part in the multipart body are too long.")
            self._read()
        line = bytes(self._unused[:at])
        del self._unused[: at + len(end)]
        return line

    def _read(self) -> None:
        try:
            piece = self._stream.read(READ_BYTES)
        except OSError as error:
            raise MalformedRequest(_DAMAGED) from error
        if not piece:
            raise MalformedRequest(_DAMAGED)
        self._unused += piece


def _boundary_bytes(boundary: str) -> bytes:
    try:
        return boundary.encode("latin-1")  # how WSGI hands headers over
    except UnicodeEncodeError as error:  # from `boundary*=`, in the words of RFC 2231
        raise MalformedRequest("The boundary of the multipart body must be ASCII.") from error


def _parse_headers(head: bytes) -> dict[str, str]:
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise MalformedRequest("A header in the multipart body is not UTF-8.") from error
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def shown(name: str) -> str:
    """Return a name for an error message, cut because it may be as long as a body."""
    return repr(name[:100])


def too_large(name: str, max_bytes: int) -> str:
    """Return what to tell of a file with more bytes than allowed."""
    return (
        f"The file {shown(name)} has more than {max_bytes} bytes, the most that this service "
        "takes. Leave it out, or send it smaller."
    )


def _text(name: str, content: Iterator[bytes]) -> str:
    value = bytearray()
    for piece in content:
        value += piece
        if len(value) > MAX_FIELD_BYTES:
            raise MalformedRequest(f"The form field {shown(name)} is too long.")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The form field {shown(name)} is not UTF-8.") from error


def _limited(name: str, content: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for piece in content:
        size += len(piece)
        if size > max_bytes:
            raise AlbumTooLarge(too_large(name, max_bytes))
        yield piece


def _peek(content: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, enough to know an archive by, and the whole content."""
    beginning = b""
    for piece in content:
        beginning += piece
        if len(beginning) >= len(ZIP_BEGINNINGS[0]):
            break
    return beginning, chain([beginning], content)


class _Forward:
    """Pieces of a body as a forward-only file; buffers little more than a read needs."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, fewer at the end alone; raises what reading the body raises."""
        while size < 0 or len(self._held) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        taken = bytes(self._held if size < 0 else self._held[:size])
        del self._held[: len(taken)]
        return taken
