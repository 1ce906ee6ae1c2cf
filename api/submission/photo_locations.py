"""Locations of an album's photos: objects of their own, or members of ZIP files.

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
class PhotoLocation:
    """A photo's name or path, its object, and its position in that, or why it cannot be read."""

    name: str
    key: str
    member: ArchiveMember | None = None
    fault: Problem | None = None

    def entry(self, index: int, name: str) -> PhotoEntry:
        """Return the line of the manifest, under the photo's name in the album."""
        return PhotoEntry(
            index=index, name=name, key=self.key, member=self.member, fault=self.fault
        )


def archive_locations(
    objects: ObjectStore, key: str, settings: Settings, *, name: str
) -> Iterator[PhotoLocation]:
    """Yield the photos of the ZIP file at `key`, or the file itself where it is damaged.

    Raises what reading an archive raises, but not ArchiveDamaged.
    """
    try:
        photos = read_archive(objects, key, settings, name=name)
    except ArchiveDamaged as error:
        yield PhotoLocation(name, key, fault=Problem(type=error.type, detail=error.detail))
        return
    for path, member in photos:
        yield PhotoLocation(path, key, member)


def any_readable(locations: Iterable[PhotoLocation]) -> Iterator[PhotoLocation]:
    """Pass locations through; raises ArchiveDamaged at the end if every one was damaged."""
    fault: Problem | None = None
    readable = False
    for location in locations:
        fault = fault or location.fault
        readable = readable or location.fault is None
        yield location
    if fault is not None and not readable:
        raise ArchiveDamaged(fault.detail)
