"""Style files as ZIP files: their members by name, unpacked one by one into memory.

Their directory is read as that of an archive of photos. Python's zipfile makes an object of every
entry before one can count them, and a small file may list millions.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final

from api.archives.zip_directory import ArchiveDamaged, ZipEntry, read_directory
from infra.catalogue.packed import MAX_FILES
from infra.errors import AlbumTooLarge, StyleFileRejected, StyleTooLarge

#: A local file header (APPNOTE.TXT 4.3.7): its mark, and the lengths of the two fields after it.
_HEADER: Final = struct.Struct("<4s22x2H")
_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 0x2041

_DAMAGED: Final = "The file is no ZIP file, or is damaged. Export the style again."


@dataclass(frozen=True, slots=True)
class StyleZip:
    """A style file on disk, whose directory agrees with itself."""

    file: BinaryIO
    entries: dict[str, ZipEntry]

    @property
    def sizes(self) -> dict[str, int]:
        """The members, and their bytes once unpacked."""
        return {name: entry.size for name, entry in self.entries.items()}

    def read(self, name: str) -> bytes:
        """Return a member; unpacks no more than was declared. Raises StyleFileRejected."""
        entry = self.entries[name]
        self.file.seek(entry.start)
        try:
            data = _unpack(self.file.read(entry.stop - entry.start), entry)
        except (struct.error, zlib.error) as error:
            raise StyleFileRejected(_DAMAGED) from error
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise StyleFileRejected(_DAMAGED)
        return data


def open_style_zip(file: BinaryIO, size: int, *, max_bytes: int) -> StyleZip:
    """Read the directory of a style file of `size` bytes.

    Raises StyleFileRejected, and StyleTooLarge where it unpacks to more than `max_bytes`.
    """

    def read(start: int, stop: int) -> bytes:
        file.seek(start)
        return file.read(stop - start)

    try:
        found = read_directory(read, size, max_entries=MAX_FILES + 1).entries
    except ArchiveDamaged as error:
        raise StyleFileRejected(_DAMAGED) from error
    except AlbumTooLarge as error:
        raise StyleFileRejected(f"It holds more than {MAX_FILES} files; no style does.") from error
    entries = {entry.name: entry for entry in found}
    if len(entries) != len(found):
        raise StyleFileRejected("It holds two files of one name.")
    if any(e.flags & _ENCRYPTED or e.method not in (_STORED, _DEFLATED) for e in found):
        raise StyleFileRejected("It is encrypted, or packed otherwise than by Deflate.")
    if sum(entry.size for entry in found) > max_bytes:
        raise StyleTooLarge(f"The style unpacks to more than {max_bytes} bytes.")
    return StyleZip(file, entries)


def _unpack(span: bytes, entry: ZipEntry) -> bytes:
    mark, name_length, extra_length = _HEADER.unpack_from(span)
    start = _HEADER.size + name_length + extra_length
    packed = span[start : start + entry.packed]
    if mark != b"PK\x03\x04" or len(packed) != entry.packed:
        raise StyleFileRejected(_DAMAGED)
    if entry.method == _STORED:
        return packed
    # One byte more than declared reveals a wrong size; a limit of 0 would mean none.
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
