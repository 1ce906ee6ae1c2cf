"""Fields and files as a multipart body that is read from disk while it is sent."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

#: Bytes read from a file at a time.
READ_BYTES = 256 * 1024

_ESCAPED = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class UploadBody:
    """Iterates over the body's bytes; one file is open at a time."""

    def __init__(
        self,
        fields: Mapping[str, str],
        files: Sequence[tuple[str, Path]],
        *,
        sent: Callable[[int], None] | None = None,
    ) -> None:
        """`files` are pairs of a field and a file; `sent` is called with the bytes just sent.

        Raises UnicodeEncodeError for a field that UTF-8 cannot write.
        """
        self._fields = {name: value.encode() for name, value in fields.items()}
        self._files = files
        self._sent = sent
        self._boundary = secrets.token_hex(16)

    @property
    def content_type(self) -> str:
        """Return the header that goes with the body."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body; raises OSError when a file cannot be read."""
        for name, value in self._fields.items():
            yield self._head(f'name="{_escape(name)}"') + value + b"\r\n"
        for name, path in self._files:
            yield self._head(f'name="{_escape(name)}"; filename="{_escape(path.name)}"')
            yield from self._content(path)
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()

    def _head(self, disposition: str) -> bytes:
        head = f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        return head.encode(errors="replace")  # names of files need not be UTF-8

    def _content(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(READ_BYTES):
                yield piece
                if self._sent is not None:
                    self._sent(len(piece))


def _escape(name: str) -> str:
    return re.sub(r'["\r\n]', lambda found: _ESCAPED[found[0]], name)
