"""Recognises file formats by their bytes: names lie, and no decoder gets an unknown file."""

import re
from typing import Literal

from infra.jobs.formats import accepted_names
from worker.pixels.formats.bmff import brands
from worker.pixels.photo import PhotoRejected

#: Formats that are decoded, by Pillow's names.
SourceFormat = Literal["JPEG", "HEIF", "AVIF", "PNG", "WEBP", "TIFF", "BMP", "GIF"]

#: The name of a raw file in messages, whoever made the camera.
CAMERA_RAW = "a camera's raw file"

#: What is accepted, for messages.
ACCEPTED = accepted_names()

_PREFIXES: tuple[tuple[bytes, SourceFormat], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)

#: Sizes of the second header of a BMP; two letters alone would take "BMW.txt" for a picture.
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})

#: Formats that people send as photos and that are not decoded here.
_UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP file"),
    (b"PK\x05\x06", "a ZIP file"),
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\1\0", "an icon"),
    (b"qoif", "a QOI picture"),
    (b"DDS ", "a DDS texture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (b"IIU\0", CAMERA_RAW),
    (b"IIRO", CAMERA_RAW),
    (b"IIRS", CAMERA_RAW),
)

#: Brands of files that hold boxes: pictures coded by HEVC, and by AV1; `mif1` may be either.
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_RAW_BRANDS = frozenset({b"crx "})

_SVG = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<(?:svg[\s>]|[?!].*?<svg[\s>])", re.DOTALL)
_NETPBM = re.compile(rb"\AP[1-7]\s+[#\d]")


def sniff(data: bytes) -> SourceFormat:
    """Name the format of a file by its first bytes.

    Raises PhotoRejected: `photo-empty`, `unsupported-format` for a picture or document that is
    known and not accepted, `not-an-image` for anything else.
    """
    if not data:
        raise PhotoRejected("photo-empty", "The file is empty; send it again.")
    for prefix, source in _PREFIXES:
        if data.startswith(prefix):
            return _unless_raw(data, source)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if boxed := _boxed(data):
        return boxed
    if known := _unsupported(data):
        raise unsupported(known)
    raise PhotoRejected("not-an-image", f"The file is no picture of a known kind; send {ACCEPTED}.")


def unsupported(known: str) -> PhotoRejected:
    """Return the rejection of a file that was recognised as `known`."""
    return PhotoRejected(
        "unsupported-format", f"The file is {known}, which is not accepted; send {ACCEPTED}."
    )


def _unless_raw(data: bytes, source: SourceFormat) -> SourceFormat:
    """Turn Canon's raw files away: they are TIFFs whose first picture is a thumbnail."""
    if source == "TIFF" and data[8:10] == b"CR":
        raise unsupported(CAMERA_RAW)
    return source


def _boxed(data: bytes) -> SourceFormat | None:
    """Tell HEIF and AVIF by their brands; a film may name `mif1` among many, but not first."""
    if data[4:8] != b"ftyp":
        return None
    major, named = data[8:12], brands(data)
    if major in _AVIF_BRANDS or (major == b"mif1" and not named.isdisjoint(_AVIF_BRANDS)):
        return "AVIF"
    return "HEIF" if major in _HEIF_BRANDS else None


def _unsupported(data: bytes) -> str | None:
    for prefix, known in _UNSUPPORTED:
        if data.startswith(prefix):
            return known
    if data[4:8] == b"ftyp":
        return CAMERA_RAW if data[8:12] in _RAW_BRANDS else "a video"
    if _SVG.match(data[:4096]):
        return "an SVG drawing"
    return "a Netpbm picture" if _NETPBM.match(data[:16]) else None
