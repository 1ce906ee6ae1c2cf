"""Whether a painting can be learned from, as far as the beginning of its file tells.

Trainers decode it, minutes or hours later; what can be seen at once is refused at once. Kinds are
told by the first bytes, sizes by the headers of the kinds that have them in front. What is found
nowhere is let through.
"""

import re
from typing import Final

from infra.jobs.domain.training_options import LONGEST_PAINTING, SMALLEST_PAINTING
from infra.jobs.formats import accepted_names

#: Bytes of a file's beginning that are looked at: a JPEG's size comes behind its Exif data.
HEADER_BYTES: Final = 1 << 18

_KINDS: Final = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|II[*+]\0|MM\0[*+]|RIFF....WEBP|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|....ftyp(?:hei[cxms]|hev[cx]|mif1|msf1|avi[fs])",
    re.DOTALL,
)
#: JPEG markers of a frame, whose header holds the size; 0xC4, 0xC8 and 0xCC are others.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WEBP_SIZES: Final = {
    # Where width and height are, how many bytes each has, and what to add.
    b"VP8 ": (26, 28, 2, 0),
    b"VP8X": (24, 27, 3, 1),
}


def painting_fault(beginning: bytes, max_megapixels: float) -> str | None:
    """Return why a painting cannot be learned from; None where nothing speaks against it.

    `beginning` is the first HEADER_BYTES of its file.
    """
    if not _KINDS.match(beginning):
        return f"is no picture of a known kind; send {accepted_names()}"
    size = picture_size(beginning)
    if size is None:
        return None
    (width, height), (short, long) = size, sorted(size)
    if short < SMALLEST_PAINTING:
        return (
            f"has {width}×{height} pixels; the short side must have at least {SMALLEST_PAINTING}, "
            "and 400 or more make better strokes"
        )
    if long > LONGEST_PAINTING * short:
        return (
            f"has {width}×{height} pixels, so one side is over {LONGEST_PAINTING:g} times the "
            "other; cut a part out and send that"
        )
    if width * height > max_megapixels * 1e6:
        return (
            f"has {width}×{height} pixels, and at most {max_megapixels:g} megapixels are taken; "
            "send it smaller"
        )
    return None


def picture_size(beginning: bytes) -> tuple[int, int] | None:
    """Return a picture's width and height as they are stored; None where that is not in front."""
    if beginning.startswith(b"\x89PNG") and len(beginning) >= 24:
        return _big(beginning[16:20]), _big(beginning[20:24])
    if beginning.startswith(b"GIF8") and len(beginning) >= 10:
        return _little(beginning[6:8]), _little(beginning[8:10])
    if beginning.startswith(b"RIFF"):
        return _webp_size(beginning)
    if beginning.startswith(b"\xff\xd8"):
        return _jpeg_size(beginning)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    place = _WEBP_SIZES.get(data[12:16])
    if place is None or len(data) < 30:
        return None
    across, down, count, more = place
    sides = (_little(data[at : at + count]) + more for at in (across, down))
    width, height = sides
    # Of lossy pictures the two highest bits say how to enlarge them.
    return (width, height) if more else (width & 0x3FFF, height & 0x3FFF)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in _FRAMES:
            height, width = _big(data[at + 5 : at + 7]), _big(data[at + 7 : at + 9])
            return (width, height) if height else None  # told at the end of the file
        else:
            at += 2 + _big(data[at + 2 : at + 4])
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
