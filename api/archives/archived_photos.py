"""The photos in a ZIP file: what fails alone of it, and for what the whole file is refused.

Nothing is unpacked here: the worker fetches each photo by its position, and checks what comes out.
"""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from api.archives.zip_directory import (
    ArchiveDamaged,
    ZipDirectory,
    ZipEntry,
    read_directory,
)
from infra.clutter import cannot_be_photo
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.domain.model import ArchiveMember, Problem
from infra.settings import Settings
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore

#: How much larger than packed a file may be, and from how many bytes on that matters. Photos in
#: packed formats stay below 2; Deflate ends at 1,032, and a white page comes near it: one of A4 in
#: 300 dots an inch has 25 MiB.
MAX_RATIO: Final = 200
RATIO_MATTERS_BYTES: Final = 32 * 1024 * 1024
#: Bytes of a path in an archive.
MAX_PATH_BYTES: Final = 4096

#: The reason of a photo that is too large, as the worker gives it.
TOO_MANY_BYTES: Final = "photo-too-many-bytes"

_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 0x2041


class ArchiveTooLarge(AlbumTooLarge):
    """A ZIP file has more bytes than one may have."""


class ArchiveRefused(InvalidRequest):
    """A ZIP file, or an entry of it, is made to deceive, or as no archive of photos is."""

    type = "archive-refused"
    title = "The ZIP file is not accepted."


@dataclass(frozen=True, slots=True)
class ArchivedPhoto:
    """A file in an archive that may be a photo: its path, and its position or why it fails."""

    path: str
    member: ArchiveMember | None = None
    fault: Problem | None = None
    #: Seconds since the epoch.
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class ArchiveContent:
    """What an archive holds: files that may be photos, and the paths of those that cannot be.

    Of the latter the first ones; `other_count` says how many there are.
    """

    photos: list[ArchivedPhoto]
    others: list[str]
    other_count: int


def read_archive(
    objects: ObjectStore, key: str, settings: Settings, *, name: str
) -> ArchiveContent:
    """Return what is in the ZIP file at `key`; errors say its `name`.

    Folders are passed over. What cannot be fetched fails alone, and what is no photo will, with a
    reason of its own. A ZIP file within is not opened.

    Raises ArchiveDamaged, ArchiveRefused, ArchiveTooLarge; AlbumTooLarge for more photos than an
    album may have; InvalidRequest where nothing is at `key` or the bucket does not hand it out.
    """
    try:
        directory = _directory(objects, key, settings)
    except (ArchiveDamaged, ArchiveRefused, AlbumTooLarge) as error:
        raise type(error)(f"{name}: {error.detail}") from error
    except ObjectMissing as error:
        raise InvalidRequest(f"There is no ZIP file {key!r} in the bucket; upload it.") from error
    except ObjectRefused as error:
        raise InvalidRequest(error.detail) from error
    photos: list[ArchivedPhoto] = []
    others = list(directory.others)
    for entry in directory.entries:
        # A backslash that is part of a name would be between folders to whoever splits a path.
        path = entry.name.replace("\\", "_")
        if path.endswith("/"):
            continue
        if cannot_be_photo(path):
            others.append(path)
        else:
            photos.append(_photo(entry, path, name, settings.max_photo_bytes))
    if len(photos) > settings.max_album_photos:
        raise AlbumTooLarge(
            f"{name}: The ZIP file has {len(photos)} photos; an album may have "
            f"{settings.max_album_photos}, so send more than one job."
        )
    late = len(others) - len(directory.others)
    return ArchiveContent(photos, others, directory.other_count + late)


def _photo(entry: ZipEntry, path: str, archive: str, max_bytes: int) -> ArchivedPhoto:
    if fault := next((fault for fault, found in _FAULTS.items() if found(entry)), None):
        detail = f"{archive}: The entry {path[:100]!r} of the ZIP file {fault}."
        return ArchivedPhoto(path, fault=Problem(type=ArchiveRefused.type, detail=detail))
    if max(entry.size, entry.packed) > max_bytes:
        detail = (
            f"{archive}: The entry {path[:100]!r} of the ZIP file has more than {max_bytes} "
            "bytes, the most that this service takes. Leave it out, or send it smaller."
        )
        return ArchivedPhoto(path, fault=Problem(type=TOO_MANY_BYTES, detail=detail))
    return ArchivedPhoto(path, _member(entry), modified=entry.modified)


def _directory(objects: ObjectStore, key: str, settings: Settings) -> ZipDirectory:
    size = objects.head(key).size
    if size > settings.max_archive_bytes:
        raise ArchiveTooLarge(
            f"The ZIP file has more than {settings.max_archive_bytes} bytes, the most that this "
            "service takes. Send several."
        )
    directory = read_directory(
        lambda start, stop: objects.get_range(key, start, stop),
        size,
        max_entries=settings.max_album_photos,
        is_other=_is_other,
    )
    for entry in directory.entries:
        _check(entry)
    return directory


def _is_other(raw: bytes) -> bool:
    """Whether a name, in whatever code page, is a folder's or that of no photo.

    What tells it is ASCII in all of them. What may lead out of the archive is left for `_check`,
    and so are Windows's backslashes, which may also be halves of characters.
    """
    path = raw.decode("latin-1")
    parts = path.replace("\\", "/").split("/")
    return ".." not in parts and parts[0] != "" and (path.endswith("/") or cannot_be_photo(path))


def _check(entry: ZipEntry) -> None:
    """Raise for an entry that no program makes by itself: the whole file is not to be trusted."""
    if fault := next((fault for fault, found in _HARM.items() if found(entry)), None):
        raise ArchiveRefused(f"The entry {entry.name[:100]!r} of the ZIP file {fault}.")
    if entry.method == _STORED and entry.size != entry.packed:
        raise ArchiveDamaged(f"The entry {entry.name[:100]!r} of the ZIP file has two sizes.")


def _is_nameless(entry: ZipEntry) -> bool:
    return not entry.name or "\0" in entry.name or len(entry.name.encode()) > MAX_PATH_BYTES


def _leads_outside(entry: ZipEntry) -> bool:
    parts = entry.name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or parts[0].endswith(":")


def _is_special(entry: ZipEntry) -> bool:
    return stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG, stat.S_IFDIR)


def _is_bomb(entry: ZipEntry) -> bool:
    return entry.size > max(RATIO_MATTERS_BYTES, MAX_RATIO * entry.packed)


_HARM: Final[dict[str, Callable[[ZipEntry], bool]]] = {
    "has no usable name": _is_nameless,
    "has a path that leads out of it": _leads_outside,
}
_FAULTS: Final[dict[str, Callable[[ZipEntry], bool]]] = {
    "is a link or a device and not a file": _is_special,
    "is encrypted; send it without a password": lambda entry: bool(entry.flags & _ENCRYPTED),
    "is packed in another way than Deflate": lambda e: e.method not in (_STORED, _DEFLATED),
    f"unpacks to more than {MAX_RATIO} times its size": _is_bomb,
}


def _member(entry: ZipEntry) -> ArchiveMember:
    return ArchiveMember(
        start=entry.start,
        stop=entry.stop,
        deflated=entry.method == _DEFLATED,
        packed=entry.packed,
        size=entry.size,
        crc=entry.crc,
    )
