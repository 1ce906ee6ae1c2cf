"""The operations that Impasto needs of an object store, and their errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from infra.errors import ServiceUnavailable


class ObjectMissing(LookupError):
    """No object has that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object {key!r}")
        self.key = key


class ObjectUnavailable(ServiceUnavailable):
    """An object cannot be read now.

    The store is away, or it refuses this one object: another object tells which (`unreadable`).
    """

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(detail)
        self.key = key


class ObjectRefused(ObjectUnavailable):
    """The store answers and will never serve this object as it is.

    It is archived, for example, or its key is invalid for this store. `detail` is for the user who
    named the key. An object of our own may be restored, so there it counts as an outage.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(
            key,
            f"The bucket does not hand out the object {key!r} ({reason}). Restore it where it is "
            "archived, or upload it again under another key.",
        )


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One listed or looked-up object; `size` in bytes."""

    key: str
    size: int
    #: Changes with the content, also where the size does not; empty where the store gives none.
    etag: str


class ObjectStore(Protocol):
    """Whole objects by key. Keys are `/`-separated, never starting with `/`.

    Methods that read an object raise ObjectUnavailable when it cannot be read now.
    """

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        """Write or replace an object. A file is streamed from its current position."""
        ...

    def get(self, key: str) -> bytes:
        """Return the object's bytes; raises ObjectMissing and ObjectRefused."""
        ...

    def get_range(self, key: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`, as far as there are any.

        Raises ObjectMissing and ObjectRefused.
        """
        ...

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield the object's bytes in pieces.

        Raises ObjectMissing and ObjectRefused before the first piece.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag; raises ObjectMissing and ObjectRefused."""
        ...

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Yield objects below a prefix in key order (UTF-8 bytes), reading page by page."""
        ...

    def copy(self, source: str, key: str) -> None:
        """Write or replace an object by what another one holds.

        Raises ObjectMissing and ObjectRefused.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Remove every object below a prefix."""
        ...

    def ping(self) -> None:
        """Raise an exception when the store or the bucket cannot be reached."""
        ...
