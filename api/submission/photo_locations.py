"""Locations of an album's photos: objects of their own, or members of ZIP files.

A ZIP file that is damaged, deceives or is too large is an item of the album that fails alone, as a
damaged photo is, and so is what cannot be fetched out of a good one; an album of nothing else is
refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from api.archives.archived_photos import (
    TOO_MANY_BYTES,
    ArchiveRefused,
    ArchiveTooLarge,
    read_archive,
)
from api.archives.zip_directory import ArchiveDamaged
from api.submission.naming import plan_names, safe_path
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.domain.model import ArchiveMember, PhotoEntry, Problem
from infra.settings import Settings
from infra.storage.port import ObjectStore

#: Characters of a source that are told: form data may name a file at any length.
_SOURCE_CHARS: Final = 1024
#: Files that are named as passed over.
_NAMED: Final = 5
#: What an album is refused with that holds nothing but such faults.
_REFUSALS: Final[dict[str, type[InvalidRequest | AlbumTooLarge]]] = {
    ArchiveDamaged.type: ArchiveDamaged,
    ArchiveRefused.type: ArchiveRefused,
    TOO_MANY_BYTES: AlbumTooLarge,
}


@dataclass(frozen=True, slots=True)
class PhotoLocation:
    """A photo's object, and its position in that, or why it cannot be read."""

    #: Its path in the album, with `/` between folders, as it came.
    path: str
    key: str
    #: The path or key that its sender knows it by.
    source: str
    member: ArchiveMember | None = None
    fault: Problem | None = None
    #: When its file was changed last, seconds since the epoch; None where its sender does not say.
    modified: float | None = None


@dataclass(slots=True)
class PassedOver:
    """Files that can be no photos, and are no items of the album."""

    count: int = 0
    named: list[str] = field(default_factory=list[str])

    def add(self, source: str, count: int = 1) -> None:
        """Note one of them, or so many by the name of one."""
        self.count += count
        if len(self.named) < _NAMED:
            self.named.append(source[-100:])

    def note(self) -> str | None:
        """Return a line about them; None where there are none."""
        if not self.count:
            return None
        more = f" and {self.count - len(self.named)} more" if self.count > len(self.named) else ""
        files = "1 file that is" if self.count == 1 else f"{self.count} files that are"
        return f"Passed over: {files} no photo, {', '.join(self.named)}{more}."


def archive_locations(
    objects: ObjectStore,
    archive: PhotoLocation,
    settings: Settings,
    passed_over: PassedOver,
    *,
    name: str,
) -> Iterator[PhotoLocation]:
    """Yield the photos of a ZIP file, in a folder of its name, or the file itself with its fault.

    Errors say its `name`. Raises InvalidRequest and AlbumTooLarge as reading an archive does.
    """
    try:
        content = read_archive(objects, archive.key, settings, name=name)
    except (ArchiveDamaged, ArchiveRefused) as error:
        yield replace(archive, fault=Problem(type=error.type, detail=error.detail))
        return
    except ArchiveTooLarge as error:
        yield replace(archive, fault=Problem(type=TOO_MANY_BYTES, detail=error.detail))
        return
    folder = archive.path[:-4] if archive.path.lower().endswith(".zip") else archive.path
    for path in content.others[:-1]:
        passed_over.add(f"{archive.source}/{path}")
    for path in content.others[-1:]:
        unnamed = content.other_count - len(content.others)
        passed_over.add(f"{archive.source}/{path}", 1 + unnamed)
    for photo in content.photos:
        yield PhotoLocation(
            path=f"{folder}/{photo.path}",
            key=archive.key,
            source=f"{archive.source}/{photo.path}",
            member=photo.member,
            fault=photo.fault,
            modified=photo.modified,
        )


def check_readable(locations: Iterable[PhotoLocation]) -> None:
    """Raise ArchiveDamaged, ArchiveRefused or AlbumTooLarge where not one can be fetched."""
    faults = [location.fault for location in locations]
    if faults and (fault := faults[0]) is not None and all(faults):
        raise _REFUSALS[fault.type](fault.detail)


def name_photos(locations: Sequence[PhotoLocation]) -> Iterator[PhotoEntry]:
    """Yield the lines of the manifest: numbered, and each with names that no other photo has."""
    paths = [safe_path(location.path) for location in locations]
    flat = plan_names([path.rpartition("/")[2] for path in paths])
    for index, (location, name, path) in enumerate(
        zip(locations, flat, plan_names(paths), strict=True)
    ):
        is_flat = path == name
        yield PhotoEntry(
            index=index,
            name=name.own,
            stem=name.stem,
            path=None if is_flat else path.own,
            path_stem=None if is_flat else path.stem,
            source=location.source[-_SOURCE_CHARS:],
            key=location.key,
            member=location.member,
            fault=location.fault,
            modified=location.modified,
        )
