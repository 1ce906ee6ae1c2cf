"""A job's results as one zip, written while it is sent: no result is ever whole in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from zipstream import ZipStream  # pyright: ignore[reportMissingTypeStubs]

from infra.storage.port import ObjectStore

#: Members of a ZIP file up to which its size is computed before it is sent.
MAX_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the zip; `size` in bytes, None where nobody knows."""

    name: str
    key: str
    size: int | None


class Archive:
    """A zip of stored members (photos do not compress). May be streamed once."""

    def __init__(self, objects: ObjectStore, members: Iterable[Member], *, count: int) -> None:
        self._objects = objects
        self._members = members
        self._listed = list(members) if count <= MAX_LISTED else None
        self.size = self._measure()

    def stream(self) -> Iterator[bytes]:
        """Yield the zip's bytes; each member is opened when its turn comes."""
        archive = _new_zip()
        for member in self._members if self._listed is None else self._listed:
            archive.add(self._read(member), member.name, size=member.size)
            yield from archive.all_files()
        yield from archive.footer()

    def _measure(self) -> int | None:
        """Return the ZIP file's size in bytes; None when it is unknown beforehand."""
        if self._listed is None or any(member.size is None for member in self._listed):
            return None
        measured = _new_zip(sized=True)
        for member in self._listed:
            measured.add(iter(()), member.name, size=member.size)
        return len(measured)

    def _read(self, member: Member) -> Iterator[bytes]:
        yield from self._objects.stream(member.key)


def _new_zip(*, sized: bool = False) -> Any:  # noqa: ANN401  (the library has no types)
    """Return an empty zip that stores what is added."""
    return cast("Any", ZipStream)(sized=sized)
