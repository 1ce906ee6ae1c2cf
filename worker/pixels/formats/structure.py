"""Reads a picture file's outer structure without decoding it: its end, its size, its scans.

Bytes after the picture's end are ignored: phones append films and further pictures there.

JPEG: ITU T.81 annex B. PNG: W3C PNG (third edition) 5.3. WebP: RFC 9649. TIFF 6.0 section 2.
"""

import re
import zlib
from collections.abc import Iterator

from worker.pixels.formats.bmff import boxes_end_early
from worker.pixels.formats.sniff import SourceFormat

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
#: Markers that a length follows, and the end. Decoders pass over all others, as over what is no
#: marker: coded data, in which 0xFF is followed by 0 or a restart marker, and garbage.
_JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")

#: Chunks of a PNG that hold text.
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
#: How an XMP packet begins that is not packed.
_PLAIN_XMP = b"XML:com.adobe.xmp\0\0"

#: Bytes of one value of each TIFF type.
_TIFF_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def ends_early(data: bytes, source: SourceFormat) -> bool:
    """Whether a file that could not be decoded is cut off before the end of its format."""
    match source:
        case "JPEG":
            return _jpeg_ends_early(data)
        case "PNG":
            return _png_ends_early(data)
        case "WEBP":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "BMP":
            return int.from_bytes(data[2:6], "little") > len(data)
        case "GIF":
            return not data.rstrip(b"\0").endswith(b";")
        case "TIFF":
            return _tiff_ends_early(data)
        case "HEIF" | "AVIF":
            return boxes_end_early(data)


def webp_canvas(data: bytes) -> tuple[int, int]:
    """Return the width and height in a WebP's header, or 0×0 if it has none.

    Pillow allocates the canvas as soon as it opens the file, so this is read before.
    """
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    if chunk == b"VP8 " and len(data) >= 30:
        return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
    if chunk == b"VP8L" and len(data) >= 25:
        bits = _little(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


def jpeg_scans(data: bytes) -> int:
    """Count the scans of a JPEG's own picture: none in its thumbnails, none behind its end."""
    return sum(marker == _START_OF_SCAN for marker in _jpeg_markers(data, 2))


def _jpeg_markers(data: bytes, position: int) -> Iterator[int]:
    """Yield the second byte of each marker from a position on, up to the picture's end.

    A lying length leads where it leads libjpeg, which reads on from there or gives the file up.
    """
    while found := _JPEG_MARKER.search(data, position):
        marker, body = data[found.end() - 1], found.end()
        yield marker
        if marker == _END_OF_IMAGE:
            return
        position = body + max(2, int.from_bytes(data[body : body + 2], "big"))


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _jpeg_ends_early(data: bytes) -> bool:
    """Walk over the segments, so that an embedded thumbnail's end is not taken for the photo's."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return False
        if data[position + 1] == _START_OF_SCAN:
            return _END_OF_IMAGE not in _jpeg_markers(data, position)
        if data[position + 1] == 0xFF:
            position += 1
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return True


def png_damaged(data: bytes) -> bool:
    """Whether a chunk that pictures need has a wrong checksum.

    Pillow does not check those of picture data, and gives a damaged photo back half black.
    """
    view = memoryview(data)
    for kind, start, end in _png_chunks(data):
        critical = not kind[0] & 0x20
        checksum = int.from_bytes(view[end : end + 4], "big")
        if critical and end + 4 <= len(data) and zlib.crc32(view[start - 4 : end]) != checksum:
            return True
    return False


def png_without_text(data: bytes) -> bytes:
    """Return the PNG without its texts but XMP: decoders give up at long ones."""
    chunks = [
        (start - 8, end + 4)
        for kind, start, end in _png_chunks(data)
        if kind not in _TEXTS or data.startswith(_PLAIN_XMP, start)
    ]
    if len(chunks) == sum(1 for _ in _png_chunks(data)):
        return data
    view = memoryview(data)
    return b"".join((view[:8], *(view[start:end] for start, end in chunks)))


def png_chunk(data: bytes, wanted: bytes) -> bytes | None:
    """Return the body of a PNG's first chunk of a type; None where there is none."""
    for kind, start, end in _png_chunks(data):
        if kind == wanted:
            return data[start:end]
    return None


def _png_ends_early(data: bytes) -> bool:
    return all(kind != b"IEND" for kind, _, _ in _png_chunks(data))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's type and the bounds of its body, up to the picture's end.

    Where that is missing, the last body may reach beyond the data.
    """
    position, kind = 8, b""
    while position + 8 <= len(data) and kind != b"IEND":
        start = position + 8
        end = start + int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : start]
        yield kind, start, end
        position = end + 4


def _tiff_ends_early(data: bytes) -> bool:
    """Whether the first directory, or a value that it points to, lies beyond the end."""
    order = "little" if data.startswith(b"II") else "big"
    big = int.from_bytes(data[2:4], order) == 43
    directory = int.from_bytes(data[8:16] if big else data[4:8], order)
    # A count of entries, then each one's tag (2 bytes), type (2), number of values and value.
    head, word = (8, 8) if big else (2, 4)
    first, size = directory + head, 4 + 2 * word
    entries = int.from_bytes(data[directory:first], order)
    for start in range(first, min(first + entries * size, len(data)), size):
        kind, values, place = (
            int.from_bytes(data[start + a : start + b], order)
            for a, b in ((2, 4), (4, 4 + word), (4 + word, size))
        )
        length = values * _TIFF_TYPES.get(kind, 0)
        if length > word and place + length > len(data):
            return True
    return first + entries * size > len(data) or entries == 0
