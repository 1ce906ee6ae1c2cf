"""An object store in memory."""

from collections.abc import Iterator
from typing import BinaryIO

from infra.storage.port import ObjectInfo, ObjectMissing


class MemoryStore:
    """Objects in a dict, listed in key order as S3 lists them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str | None] = {}

    def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        self.objects[key] = body if isinstance(body, bytes) else body.read()
        self.content_types[key] = content_type

    def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError as error:
            raise ObjectMissing(key) from error

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        body = self.get(key)
        return (body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes))

    def head(self, key: str) -> ObjectInfo:
        return ObjectInfo(key, len(self.get(key)))

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        for key in sorted(self.objects, key=str.encode):
            if key.startswith(prefix) and key.encode() > start_after.encode():
                yield ObjectInfo(key, len(self.objects[key]))

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
        self.content_types.pop(key, None)

    def delete_prefix(self, prefix: str) -> None:
        for key in [key for key in self.objects if key.startswith(prefix)]:
            self.delete(key)

    def ping(self) -> None:
        """A dict is always there."""
