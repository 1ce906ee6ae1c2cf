"""The formats of photos and results: what is taken, what it comes back as, what is turned away.

Files are told by their content (`worker.pixels.formats.sniff`); suffixes and media types are what
people and programs call them by. The client has the suffixes too, and a test holds them alike.
"""

from dataclasses import dataclass
from typing import Final, Literal

#: What results are written in. `auto`: the photo's own where that is JPEG, PNG or WebP, JPEG for
#: HEIC and AVIF, PNG for the others. `own`: as `auto`, and AVIF as AVIF. Or one for all photos.
FormatChoice = Literal["auto", "own", "jpeg", "png", "webp", "avif"]

#: Formats that results are written in, by Pillow's names.
ResultFormat = Literal["JPEG", "PNG", "WEBP", "AVIF"]

#: Media type of each format of a result.
RESULT_MEDIA_TYPES: Final[dict[ResultFormat, str]] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
}


@dataclass(frozen=True, slots=True)
class PhotoFormat:
    """A format that is painted, and what its results are written in unless something is asked."""

    name: str
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]
    result: ResultFormat


@dataclass(frozen=True, slots=True)
class RefusedFormat:
    """A kind of file that is turned away by name: its suffixes, and the type of the reason."""

    name: str
    suffixes: tuple[str, ...]
    reason: str = "unsupported-format"


ACCEPTED: Final = (
    PhotoFormat("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), ("image/jpeg",), "JPEG"),
    PhotoFormat("HEIC", (".heic", ".heif", ".hif"), ("image/heic", "image/heif"), "JPEG"),
    PhotoFormat("AVIF", (".avif",), ("image/avif",), "JPEG"),
    PhotoFormat("PNG", (".png",), ("image/png",), "PNG"),
    PhotoFormat("WebP", (".webp",), ("image/webp",), "WEBP"),
    PhotoFormat("TIFF", (".tif", ".tiff"), ("image/tiff",), "PNG"),
    PhotoFormat("BMP", (".bmp", ".dib"), ("image/bmp",), "PNG"),
    PhotoFormat("GIF", (".gif",), ("image/gif",), "PNG"),
)

REFUSED: Final = (
    RefusedFormat("animations", (".heics", ".avifs"), "animated-photo"),
    RefusedFormat("high dynamic range (PQ, HLG)", ()),
    RefusedFormat(
        "camera raw files",
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr"),
            *(".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf"),
            *(".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        ),
    ),
    RefusedFormat("JPEG XL", (".jxl",)),
    RefusedFormat("JPEG 2000", (".jp2", ".j2k", ".jpx")),
    RefusedFormat("Photoshop documents", (".psd",)),
    RefusedFormat("SVG drawings", (".svg",)),
    RefusedFormat("PDF documents", (".pdf",)),
    RefusedFormat("videos", (".mov", ".mp4", ".m4v", ".avi", ".mts", ".m2ts", ".3gp", ".mkv")),
)


def accepted_names() -> str:
    """Return the accepted formats as a sentence has them: `JPEG, HEIC, … or GIF`."""
    *most, last = (known.name for known in ACCEPTED)
    return f"{', '.join(most)} or {last}"
