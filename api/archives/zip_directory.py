"""The directory of a ZIP file, read over ranges: names and positions, nothing unpacked.

After PKWARE's APPNOTE.TXT 6.3.10, section 4.3. The directory at the file's end is the authority;
where its own figures do not agree with each other, the file is damaged or made to deceive. Python's
own `zipfile` would first make an object of every entry, however many millions there are said to be,
and does not mind entries that overlap.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import pairwise
from typing import Final

from api.archives.member_names import RawName, decode_names, extra_field
from api.archives.member_times import changed_at
from infra.errors import AlbumTooLarge, InvalidRequest

#: What the first file in an archive begins with, and an archive without files.
ZIP_BEGINNINGS: Final = (b"PK\x03\x04", b"PK\x05\x06")

#: Bytes of a directory that are read at most.
MAX_DIRECTORY_BYTES: Final = 32 * 1024 * 1024

#: Entries that are passed over of which the names are kept.
MAX_OTHERS: Final = 1000

#: Reads a file from one position up to another.
ReadRange = Callable[[int, int], bytes]

_ENTRY = struct.Struct("<4s2B5H3L5H2L")
#: Lengths of an entry's name, extra fields and comment, and where they stand in it.
_LENGTHS, _LENGTHS_AT = struct.Struct("<3H"), 28
_LOCAL_HEADER_BYTES: Final = 30
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MAX_COMMENT: Final = 0xFFFF
_MAX_EXTRA: Final = 0xFFFF
_EXTRA_64: Final = 1
#: What a field of 32 bits holds when its value is in the 64-bit extra field.
_ELSEWHERE: Final = 0xFFFFFFFF

_MADE_ON_UNIX: Final = 3


class ArchiveDamaged(InvalidRequest):
    """A ZIP file cannot be read, or contradicts itself."""

    type = "archive-damaged"
    title = "The ZIP file cannot be read."
    status = HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file in an archive; `start` up to `stop` lies its local header with what is packed."""

    #: Its path, with `/` between folders; a backslash is part of a name.
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    start: int
    stop: int
    #: The file's mode on Unix; 0 where there is none.
    mode: int
    #: When it was changed last, seconds since the epoch; None where nothing real is said.
    modified: float | None


@dataclass(frozen=True, slots=True)
class ZipDirectory:
    """What is in an archive: its entries in their order, and what was passed over of them."""

    entries: list[ZipEntry]
    #: Names of the first MAX_OTHERS files that were passed over, and how many there are.
    others: list[str]
    other_count: int


def read_directory(
    read: ReadRange,
    size: int,
    *,
    max_entries: int,
    is_other: Callable[[bytes], bool] = lambda name: False,
) -> ZipDirectory:
    """Return the directory of a ZIP file of `size` bytes.

    Entries that are another thing by their names, still as bytes, are passed over and count for
    nothing; folders among them are not told either. Raises AlbumTooLarge, and ArchiveDamaged also
    where two entries share bytes.
    """
    found: list[tuple[RawName, ZipEntry]] = []
    others: list[RawName] = []
    other_count = 0
    starts: list[int] = []
    try:
        count, start, length = _find_directory(read, size)
        if length > MAX_DIRECTORY_BYTES:
            raise AlbumTooLarge(f"The ZIP file has {count} entries, too many; send several.")
        directory = read(start, start + length)
        if count > max_entries:
            _check_count(directory, count, max_entries, is_other)
        for raw, entry in _entries(directory, count):
            starts.append(entry.start)
            if not is_other(raw.name):
                found.append((raw, entry))
            elif not raw.name.endswith(b"/"):
                other_count += 1
                others.extend([raw] if other_count <= MAX_OTHERS else [])
    except struct.error as error:
        raise ArchiveDamaged("The ZIP file breaks off. Send it again.") from error
    names = decode_names([*(raw for raw, _ in found), *others])
    entries = [replace(entry, name=name) for (_, entry), name in zip(found, names, strict=False)]
    return ZipDirectory(_bounded(entries, starts, start), names[len(found) :], other_count)


def _check_count(
    directory: bytes, count: int, most: int, is_other: Callable[[bytes], bool]
) -> None:
    """Raise AlbumTooLarge before anything is made of more entries than an album may have photos."""
    at = found = 0
    for _ in range(count):
        name, extra, comment = _LENGTHS.unpack_from(directory, at + _LENGTHS_AT)
        at += _ENTRY.size
        found += not is_other(directory[at : at + name])
        at += name + extra + comment
    if found > most:
        raise AlbumTooLarge(
            f"The ZIP file has {found} photos; an album may have {most}, so send more than one job."
        )


def _find_directory(read: ReadRange, size: int) -> tuple[int, int, int]:
    """Return the number of entries, and where the directory starts and how long it is."""
    first = max(size - _MAX_COMMENT - _END.size - _LOCATOR_64.size, 0)
    tail = read(first, size)
    at = tail.rfind(b"PK\x05\x06", 0, max(len(tail) - _END.size + 4, 0))
    if at < 0:
        raise ArchiveDamaged("The ZIP file has no end; it broke off. Send it again.")
    _, disk, _, here, count, length, start, comment = _END.unpack_from(tail, at)
    end = first + at
    if at + _END.size + comment != len(tail):
        raise ArchiveDamaged("The ZIP file goes on after its end. Send it as it was made.")
    full = _ELSEWHERE in (length, start) or 0xFFFF in (disk, here, count)
    if full and _has_locator_64(tail, at):
        end, count, length, start = _find_directory_64(read, tail, at, end)
    elif disk or here != count:
        raise ArchiveDamaged("The ZIP file is one of several parts. Send it as a single file.")
    if start + length > end or count * _ENTRY.size > length:
        raise ArchiveDamaged("The ZIP file's directory does not lie where it says.")
    return count, start, length


def _has_locator_64(tail: bytes, at: int) -> bool:
    """Whether a locator is in front of the end record at `at` of `tail`.

    Without one, a field that is full means what it says: 65,535 files fit into 16 bits.
    """
    return at >= _LOCATOR_64.size and tail.startswith(b"PK\x06\x07", at - _LOCATOR_64.size)


def _find_directory_64(
    read: ReadRange, tail: bytes, at: int, end: int
) -> tuple[int, int, int, int]:
    """Follow the locator in front of the end record at `at` of `tail`."""
    _, _, position, _ = _LOCATOR_64.unpack_from(tail, at - _LOCATOR_64.size)
    if position + _END_64.size > end:
        raise ArchiveDamaged("The ZIP file's 64-bit end is missing.")
    fields = _END_64.unpack(read(position, position + _END_64.size))
    if fields[0] != b"PK\x06\x06":
        raise ArchiveDamaged("The ZIP file's 64-bit end is missing.")
    count, length, start = fields[7:]
    return position, count, length, start


def _entries(directory: bytes, count: int) -> Iterator[tuple[RawName, ZipEntry]]:
    """Yield the entries, each as if it had no neighbour, and their names apart, still as bytes.

    There must be exactly `count`.
    """
    at = 0
    for _ in range(count):
        fields = _ENTRY.unpack_from(directory, at)
        (mark, _, system, _, flags, method, time, date, crc, packed, size) = fields[:11]
        name_length, extra_length, comment, _, _, attributes, start = fields[11:]
        at += _ENTRY.size
        name = directory[at : at + name_length]
        extra = directory[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment
        if mark != b"PK\x01\x02" or at > len(directory):
            break
        size, packed, start = _widened(extra, (size, packed, start))
        yield (
            RawName(name, extra, system),
            ZipEntry(
                name="",
                flags=flags,
                method=method,
                crc=crc,
                packed=packed,
                size=size,
                start=start,
                stop=start + _LOCAL_HEADER_BYTES + name_length + packed,
                mode=attributes >> 16 if system == _MADE_ON_UNIX else 0,
                modified=changed_at(extra, time, date),
            ),
        )
    else:
        if at == len(directory):
            return
    raise ArchiveDamaged("The ZIP file's directory holds something else than it says.")


def _widened(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return values with those that do not fit into 32 bits taken from the extra field."""
    missing = values.count(_ELSEWHERE)
    wide = extra_field(extra, _EXTRA_64)
    numbers = iter(struct.unpack(f"<{missing}Q", wide[: 8 * missing]))
    size, packed, start = (next(numbers) if value == _ELSEWHERE else value for value in values)
    return size, packed, start


def _bounded(entries: list[ZipEntry], places: list[int], directory: int) -> list[ZipEntry]:
    """Widen each entry by its local header's extra field, whose length only the header has.

    `places` are where all entries start, those that were passed over too.
    """
    starts = sorted({*places, directory})
    following = dict(pairwise(starts))
    if len(starts) <= len(places):
        raise ArchiveDamaged("Two entries of the ZIP file are in the same place.")
    bounded: list[ZipEntry] = []
    for entry in entries:
        following_start = following.get(entry.start, 0)
        if entry.stop > following_start:
            raise ArchiveDamaged(f"The ZIP file's entry {entry.name[:100]!r} overlaps another.")
        bounded.append(replace(entry, stop=min(entry.stop + _MAX_EXTRA, following_start)))
    return bounded
