"""Where an album's photos lie: in objects of their own, or in ZIP files, of which some are damaged.

A damaged ZIP file is an item of the album that fails alone, as a damaged photo is; an album of
nothing else is refused.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.archives.archived_photos import read_archive
from api.archives.zip_directory import ArchiveDamaged
from infra.jobs.domain.model import ArchiveMember, PhotoEntry, Problem
from infra.settings import Settings
from infra.storage.port import ObjectStore


@dataclass(frozen=True, slots=True)
class Place:
    """A photo's name or path, its object, and where it lies in that, or why nothing is in it."""

    name: str
    key: str
    member: ArchiveMember | None = None
    fault: Problem | None = None

    def entry(self, index: int, name: str) -> PhotoEntry:
        """Return the line of the manifest, under the photo's name in the album."""
        return PhotoEntry(
            index=index, name=name, key=self.key, member=self.member, fault=self.fault
        )


def archive_places(
    objects: ObjectStore, key: str, settings: Settings, *, name: str
) -> Iterator[Place]:
    """Yield the photos of the ZIP file at `key`, or the file itself where it is damaged.

    Raises what reading an archive raises, but not ArchiveDamaged.
    """
    try:
        photos = read_archive(objects, key, settings, name=name)
    except ArchiveDamaged as error:
        yield Place(name, key, fault=Problem(type=error.type, detail=error.detail))
        return
    for path, member in photos:
        yield Place(path, key, member)


def any_readable(places: Iterable[Place]) -> Iterator[Place]:
    """Pass places on; raises ArchiveDamaged, last, where there were only damaged archives."""
    fault: Problem | None = None
    readable = False
    for place in places:
        fault = fault or place.fault
        readable = readable or place.fault is None
        yield place
    if fault is not None and not readable:
        raise ArchiveDamaged(fault.detail)
