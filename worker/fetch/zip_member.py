"""Fetches photos inside ZIP files by range; the archive is never downloaded or unpacked whole."""

import struct
import zlib
from typing import Final

from infra.jobs.domain.model import ArchiveMember
from infra.storage.port import ObjectStore
from worker.pixels import PhotoRejected

#: A local file header (APPNOTE.TXT 4.3.7): its mark, and the lengths of the two fields after it.
_HEADER: Final = struct.Struct("<4s22x2H")


def fetch_member(objects: ObjectStore, key: str, member: ArchiveMember) -> bytes:
    """Return the photo's bytes.

    Never unpacks more bytes than the directory declares. Raises ObjectMissing, and PhotoRejected
    `damaged-in-archive` if the bytes differ from the declared ones.
    """
    span = objects.get_range(key, member.start, member.stop)
    try:
        data = _unpack(span, member)
    except (struct.error, zlib.error) as error:
        raise _damaged() from error
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise _damaged()
    return data


def _unpack(span: bytes, member: ArchiveMember) -> bytes:
    mark, name_length, extra_length = _HEADER.unpack_from(span)
    start = _HEADER.size + name_length + extra_length
    packed = span[start : start + member.packed]
    if mark != b"PK\x03\x04" or len(packed) != member.packed:
        raise _damaged()
    if not member.deflated:
        return packed
    # One byte more than declared reveals a wrong size; a limit of 0 would mean none.
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.size + 1)


def _damaged() -> PhotoRejected:
    return PhotoRejected(
        "damaged-in-archive",
        "The photo does not come out of its ZIP file as its directory says; make the file anew.",
    )
