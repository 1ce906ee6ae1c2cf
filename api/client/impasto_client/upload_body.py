"""Fields and files as a multipart body that is read from disk while it is sent."""

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO, NamedTuple

#: Bytes read from a file at a time.
READ_BYTES = 256 * 1024
#: Bytes of a file that are read before its part begins: what cannot be read that far is left out.
AHEAD_BYTES = 16 * 1024 * 1024

_ESCAPED = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class UploadFile(NamedTuple):
    """A file to send in a form field, under its own name unless another one is given."""

    field: str
    path: Path
    name: str | None = None


class FileBrokeOff(Exception):
    """A file could not be read to its end when a part of it was sent already.

    A body cannot take a part back: it is sent anew, without the file.
    """

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: {error}")
        self.path = path
        self.error = error


class Upload:
    """Fields and files that are sent, again where a file breaks off."""

    def __init__(
        self,
        fields: Mapping[str, str],
        files: Sequence[UploadFile],
        *,
        sent: Callable[[int], None] | None = None,
        left_out: Callable[[Path, OSError], None] | None = None,
    ) -> None:
        """Read nothing yet; `sent` is called with the bytes just sent.

        With `left_out`, a file that cannot be read is told to it once, and the others are sent.
        Raises UnicodeEncodeError for a field that UTF-8 cannot write.
        """
        self._fields = {name: value.encode() for name, value in fields.items()}
        self._files = files
        self._told = sent
        self._left_out = left_out
        self._gone: set[Path] = set()
        self._bytes = 0

    def body(self) -> "UploadBody":
        """Return the body to send now, of all files but those that could not be read before."""
        left = [file for file in self._files if file.path not in self._gone]
        leave_out = None if self._left_out is None else self._leave_out
        return UploadBody(self._fields, left, sent=self._count, left_out=leave_out)

    def begin_again(self, broken: FileBrokeOff) -> None:
        """Leave a file out that broke off, and count from 0."""
        self._leave_out(broken.path, broken.error)
        self._count(-self._bytes)

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._told is not None:
            self._told(size)

    def _leave_out(self, path: Path, error: OSError) -> None:
        self._gone.add(path)
        if self._left_out is not None:
            self._left_out(path, error)


class UploadBody:
    """Iterates over the body's bytes; one file is open at a time."""

    def __init__(
        self,
        fields: Mapping[str, bytes],
        files: Sequence[UploadFile],
        *,
        sent: Callable[[int], None] | None = None,
        left_out: Callable[[Path, OSError], None] | None = None,
    ) -> None:
        """Read nothing yet; `sent` is called with the bytes just sent.

        With `left_out`, a file that cannot be read is told to it, and the others are sent.
        """
        self._fields = fields
        self._files = files
        self._sent = sent
        self._left_out = left_out
        self._boundary = secrets.token_hex(16)

    @property
    def content_type(self) -> str:
        """Return the header that goes with the body."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body; raises OSError for a file that cannot be read.

        With `left_out` that is FileBrokeOff, and only for one of which a part was sent.
        """
        for name, value in self._fields.items():
            yield self._head(f'name="{_escape(name)}"') + value + b"\r\n"
        for file in self._files:
            yield from self._part(file)
        yield f"--{self._boundary}--\r\n".encode()

    def _part(self, file: UploadFile) -> Iterator[bytes]:
        try:
            opened = file.path.open("rb")
        except OSError as error:
            self._leave_out(file.path, error)
            return
        with opened:
            try:
                ahead = opened.read(AHEAD_BYTES)
            except OSError as error:
                self._leave_out(file.path, error)
                return
            name = _escape(file.name or file.path.name)
            disposition = f'name="{_escape(file.field)}"; filename="{name}"'
            yield self._head(disposition + _modified(opened))
            yield from self._content(file.path, ahead, opened)
            yield b"\r\n"

    def _leave_out(self, path: Path, error: OSError) -> None:
        if self._left_out is None:
            raise error
        self._left_out(path, error)

    def _head(self, disposition: str) -> bytes:
        head = f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        return head.encode(errors="replace")  # names of files need not be UTF-8

    def _content(self, path: Path, ahead: bytes, rest: BinaryIO) -> Iterator[bytes]:
        for piece in self._pieces(path, ahead, rest):
            yield piece
            if self._sent is not None:
                self._sent(len(piece))

    def _pieces(self, path: Path, ahead: bytes, rest: BinaryIO) -> Iterator[bytes]:
        for start in range(0, len(ahead), READ_BYTES):
            yield ahead[start : start + READ_BYTES]
        try:
            while piece := rest.read(READ_BYTES):
                yield piece
        except OSError as error:
            if self._left_out is None:
                raise
            raise FileBrokeOff(path, error) from error


def _modified(file: BinaryIO) -> str:
    """Return the parameter (RFC 2183) that says when a file was changed last, where it has that."""
    try:
        return f'; modification-date="{formatdate(os.fstat(file.fileno()).st_mtime, usegmt=True)}"'
    except (OSError, ValueError, OverflowError):
        return ""


def _escape(name: str) -> str:
    return re.sub(r'["\r\n]', lambda found: _ESCAPED[found[0]], name)


def written(value: object) -> str:
    """Write the value of a form field as the service reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
