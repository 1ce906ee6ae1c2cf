"""Files that hold several pictures: how many, for their sender to know that one is painted.

Thumbnails, smaller copies, masks and gain maps are no pictures of their own. An animation is one
thing, and refused as a whole (`worker.pixels.decode`).
"""

import io
from contextlib import suppress
from itertools import islice
from typing import Final

from PIL import Image

#: Pages that are counted; an archive of scans may have thousands.
MOST_PAGES: Final = 100

_NEW_SUBFILE_TYPE: Final = 254
_SMALLER, _MASK = 1, 4
#: Multi-Picture Format (CIPA DC-007) 5.2.3: the entries of a JPEG's index. Phones leave the type
#: of a gain map open, as old cameras did that of a second picture.
_ENTRIES: Final = 0xB002
_PICTURES: Final = ("Multi-Frame", "Undefined")
#: What says that the second picture is a gain map: Adobe's, Apple's, ISO 21496-1's.
_GAIN_MAPS: Final = (b"hdrgm:", b"HDRGainMap", b"urn:iso:std:iso:ts:21496:-1")


def note_of(count: int, what: str = "pictures", painted: str = "the first") -> str | None:
    """Return the sentence about a file that holds so many; None for a single one."""
    if count <= 1:
        return None
    shown = f"more than {MOST_PAGES}" if count > MOST_PAGES else f"{count}"
    return f"The file holds {shown} {what}; {painted} is painted."


def tiff_pages(data: bytes) -> int:
    """Count the pages of a TIFF, up to one more than MOST_PAGES.

    A chain of them that is broken, or leads back, ends there.
    """
    import tifffile  # here, as most photos are JPEGs

    found, seen = 0, set[int]()
    with suppress(Exception):  # Damaged directories raise nearly everything.
        for page in islice(tifffile.TiffFile(io.BytesIO(data)).pages, MOST_PAGES + 1):
            if page.offset in seen:
                break
            seen.add(page.offset)
            if not isinstance(page, tifffile.TiffPage):
                break
            kind = page.tags.valueof(_NEW_SUBFILE_TYPE, default=0)
            found += not kind & (_SMALLER | _MASK)
    return found


def jpeg_pictures(data: bytes, image: Image.Image) -> int:
    """Count the pictures of a JPEG that Pillow opened: more than one in an MPO."""
    entries = getattr(image, "mpinfo", {}).get(_ENTRIES, [])[1:]
    if not entries or any(mark in data for mark in _GAIN_MAPS):
        return 1
    return 1 + sum(entry["Attribute"]["MPType"].startswith(_PICTURES) for entry in entries)
