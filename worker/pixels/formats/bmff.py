"""Reads the boxes of a HEIF or AVIF file that describe its primary picture, without decoding.

ISO/IEC 14496-12 (boxes) and 23008-12 (items and their properties).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

#: Most boxes read on one level, and associations in one file: far more than real files have.
_MOST_BOXES = 4096


@dataclass(frozen=True, slots=True)
class CodedColour:
    """Colour by code points of ITU-T H.273: primaries and transfer characteristics."""

    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary picture: whether its container turns or mirrors it, and its coded colour."""

    turned: bool
    colour: CodedColour | None


def primary(data: bytes) -> Primary:
    """Read the primary picture's properties; those of a damaged file are none."""
    try:
        properties = _primary_properties(data)
    except (struct.error, IndexError, KeyError):
        properties = []
    colours = [body for kind, body in properties if kind == b"colr" and body[:4] == b"nclx"]
    return Primary(
        turned=any(
            kind == b"imir" or (kind == b"irot" and body[:1] != b"\0") for kind, body in properties
        ),
        colour=CodedColour(*struct.unpack(">HH", colours[0][4:8])) if colours else None,
    )


def boxes_end_early(data: bytes) -> bool:
    """Whether the last box reaches beyond the file's end."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < 8:
            return False  # 0 means up to the end, and the rest means nothing.
        position += size
    return position > len(data)


def brands(data: bytes) -> frozenset[bytes]:
    """Return the file's major brand and those that it is compatible with."""
    size = int.from_bytes(data[:4], "big")
    listed = data[16 : min(size, 256)]
    return frozenset({data[8:12], *(listed[at : at + 4] for at in range(0, len(listed), 4))})


def _primary_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    meta = dict(_boxes(_find(data, b"meta")[4:]))
    item = _item_number(meta[b"pitm"])
    parts = list(_boxes(meta[b"iprp"]))
    known = list(_boxes(dict(parts)[b"ipco"]))
    associated = [
        index for kind, body in parts if kind == b"ipma" for index in _associations(body, item)
    ]
    return [known[index - 1] for index in associated if 0 < index <= len(known)]


def _find(data: bytes, wanted: bytes) -> bytes:
    return next((body for kind, body in _boxes(data) if kind == wanted), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each box that lies whole in the data."""
    position = 0
    for _ in range(_MOST_BOXES):
        if position + 8 > len(data):
            return
        size, head = int.from_bytes(data[position : position + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        end = len(data) if size == 0 else position + size
        if size and size < head:
            return
        yield data[position + 4 : position + 8], data[position + head : end]
        position = end


def _item_number(pitm: bytes) -> int:
    return int.from_bytes(pitm[4:6] if pitm[0] == 0 else pitm[4:8], "big")


def _associations(ipma: bytes, item: int) -> Iterator[int]:
    """Yield the indices (from 1) of the properties that belong to an item, in their order."""
    number_bytes = 2 if ipma[0] == 0 else 4
    index_bytes = 2 if ipma[3] & 1 else 1
    position = 8
    for _ in range(min(int.from_bytes(ipma[4:8], "big"), _MOST_BOXES)):
        number = int.from_bytes(ipma[position : position + number_bytes], "big")
        count = ipma[position + number_bytes]
        position += number_bytes + 1
        for place in range(position, position + count * index_bytes, index_bytes):
            if number == item:
                # The highest bit says that a reader must understand the property.
                essential = 1 << (8 * index_bytes - 1)
                yield int.from_bytes(ipma[place : place + index_bytes], "big") & ~essential
        position += count * index_bytes
