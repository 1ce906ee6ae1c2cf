"""An object store in memory."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from infra.errors import ServiceUnavailable
from infra.storage.port import (
    ObjectInfo,
    ObjectMissing,
    ObjectRefused,
    ObjectTooLarge,
    ObjectUnavailable,
    check_start,
)
from tests.fakes.jobs import Fuse


class MemoryStore:
    """Objects in a dict, listed in the order that is the most surprising one of any server's."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self._fuse = fuse or Fuse()
        self.down = False
        #: Keys of objects that are there and are not handed out.
        self.refused: set[str] = set()
        #: Keys of objects that cannot be read: nobody can tell for how long.
        self.withheld: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str | None] = {}

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        self._reach()
        self.objects[key] = body if isinstance(body, bytes) else body.read()
        self.content_types[key] = content_type
        self._fuse.burn(late=True)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        try:
            self._reach()
        except ServiceUnavailable as error:
            raise ObjectUnavailable(key, error.detail) from error
        if key in self.withheld:
            raise ObjectUnavailable(key, "S3 answered AccessDenied (in this test).")
        if key in self.refused:
            raise ObjectRefused(key, "in this test")
        try:
            body = self.objects[key]
        except KeyError as error:
            raise ObjectMissing(key) from error
        if limit is not None and len(body) > limit:
            raise ObjectTooLarge(key, len(body))
        return body

    def get_range(self, key: str, start: int, stop: int) -> bytes:
        return self.get(key)[start:stop]

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        body = self.get(key)
        return (body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes))

    def head(self, key: str) -> ObjectInfo:
        return _info(key, self.get(key))

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        if start_after:
            check_start(prefix, start_after)
        self._reach()
        found = {key: body for key, body in self.objects.items() if key.startswith(prefix)}
        for key in sorted(found, key=_walked):
            beside = key.rpartition("/")[0] == start_after.rpartition("/")[0]
            if not start_after or (beside and key.encode() > start_after.encode()):
                yield _info(key, found[key])

    def folders(self, prefix: str) -> Iterator[str]:
        self._reach()
        below = (key.removeprefix(prefix) for key in self.objects if key.startswith(prefix))
        yield from sorted({key.partition("/")[0] for key in below if "/" in key})

    def copy(self, source: str, key: str) -> None:
        self.put(key, self.get(source), content_type=self.content_types.get(source))

    def delete(self, key: str) -> None:
        self._reach()
        self.objects.pop(key, None)
        self.content_types.pop(key, None)
        self._fuse.burn(late=True)

    def delete_prefix(self, prefix: str) -> None:
        for key in [key for key in self.objects if key.startswith(prefix)]:
            self.delete(key)

    def ping(self) -> None:
        self._reach()

    def _reach(self) -> None:
        self._fuse.burn()
        if self.down:
            raise ServiceUnavailable("S3 is down (in this test).")


def _walked(key: str) -> list[bytes]:
    """The order of a walk through folders: `a/b` before `a.txt`."""
    return [name.encode() for name in key.split("/")]


def _info(key: str, body: bytes) -> ObjectInfo:
    return ObjectInfo(key, len(body), hashlib.md5(body, usedforsecurity=False).hexdigest())
