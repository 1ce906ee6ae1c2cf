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


class ObjectTooLarge(Exception):
    """The object has more bytes than were wanted; none of them was read."""

    def __init__(self, key: str, size: int) -> None:
        super().__init__(f"{key!r} has {size} bytes")
        self.key = key
        self.size = size


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One listed or looked-up object; `size` in bytes."""

    key: str
    size: int
    #: Changes with the content, also where the size does not; empty where the store gives none.
    etag: str


def check_start(prefix: str, start_after: str) -> None:
    """Raise ValueError where a listing would begin where servers do not agree.

    By S3's rule it may begin at any text; SeaweedFS leaves out all that is in a folder of that
    name, and compares folders by their names without the slash.
    """
    beside = start_after.removeprefix(prefix)
    if not prefix.endswith("/") or beside == start_after or not beside or "/" in beside:
        raise ValueError(f"{start_after!r} is no key directly in the folder {prefix!r}")


class ObjectStore(Protocol):
    """Whole objects by key. Keys are `/`-separated, never starting with `/`.

    Methods that read an object raise ObjectUnavailable when it cannot be read now.
    """

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        """Write or replace an object. A file is streamed from its current position."""
        ...

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """Return the object's bytes, of which there may be `limit` at most.

        Raises ObjectMissing and ObjectRefused; ObjectTooLarge before anything is read.
        """
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
        """Yield objects below a prefix, reading page by page; those in one folder by name.

        Servers differ in where a folder's objects come among its neighbours, so nothing may rest
        on that. For the same reason `start_after` names a key directly in the folder `prefix`, be
        there such an object or not: only what lies beside it and comes later is yielded. Raises
        ValueError for any other.
        """
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, passing over what is in them."""
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
