"""Decodes photo files within limits; hostile bytes raise PhotoRejected and nothing else."""

import io
from contextlib import suppress
from dataclasses import dataclass
from math import prod

import numpy as np
from PIL import AvifImagePlugin, Image, PngImagePlugin

from worker.pixels.colour.srgb import split
from worker.pixels.declared import declared_profile
from worker.pixels.formats import jpeg_end
from worker.pixels.formats.pages import jpeg_pictures, note_of, tiff_pages
from worker.pixels.formats.sniff import CAMERA_RAW, SourceFormat, sniff, unsupported
from worker.pixels.formats.structure import (
    ends_early,
    jpeg_scans,
    png_damaged,
    png_without_text,
    webp_canvas,
)
from worker.pixels.metadata import MetadataChoice, carried
from worker.pixels.photo import Photo, PhotoRejected, PixelLimits, ResultFormat
from worker.pixels.quiet import quiet_pillow

#: Bytes of a PNG's colour profile when unpacked; those of printers take one to four million.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 2**20
#: A decoder's time limit counts the CPU time of all threads.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

#: Largest number of scans in a JPEG, and of megapixels over all scans. Encoders write about ten;
#: each costs a pass over the whole picture, so a small file with thousands would take hours.
MAX_JPEG_SCANS = 200
MAX_SCANNED_MEGAPIXELS = 2000

_RESULT_FORMATS: dict[SourceFormat, ResultFormat] = {
    "JPEG": "JPEG",
    "HEIF": "JPEG",
    "AVIF": "JPEG",
    "WEBP": "WEBP",
}

#: Tags of EXIF and TIFF.
_ORIENTATION = 0x0112
_NEW_SUBFILE_TYPE = 0x00FE
_TILE_WIDTH, _TILE_LENGTH = 0x0142, 0x0143

#: The turn that makes each EXIF orientation upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class _Picture:
    """A loaded picture, how it is to be turned upright, its Exif, and what to tell of its file."""

    image: Image.Image
    turn: Image.Transpose | None
    exif: Image.Exif
    note: str | None = None


def decode(data: bytes, limits: PixelLimits, keep: MetadataChoice = "keep-safe") -> Photo:
    """Decode a photo's file to upright sRGB pixels, and the metadata that its result is to carry.

    Of a file with several pictures one counts, and the note says so. Raises PhotoRejected with
    type `photo-empty`, `not-an-image`, `unsupported-format`, `animated-photo`, `photo-too-large`,
    `photo-too-large-for-memory`, `truncated-photo` or `photo-unreadable`.
    """
    source = sniff(data)
    try:
        with quiet_pillow:
            return _decode_closed(data, source, limits, keep)
    except PhotoRejected:
        raise
    except MemoryError as error:
        raise PhotoRejected(
            "photo-too-large-for-memory",
            "The photo needs more memory than this worker has; send it smaller.",
        ) from error
    except Image.DecompressionBombError as error:
        raise limits.too_large("The photo is far too large") from error
    except Exception as error:
        # Decoders raise nearly every type there is when the bytes are wrong enough.
        raise _explain(data, source, error) from error


def _decode_closed(
    data: bytes, source: SourceFormat, limits: PixelLimits, keep: MetadataChoice
) -> Photo:
    """Decode a file, and a JPEG that only lacks its end marker as if it had one."""
    try:
        return _decode(data, source, limits, keep)
    except OSError:
        closings = jpeg_end.closings(data) if source == "JPEG" else []
        if not closings:
            raise
    first, *others = (_decode(closed, source, limits, keep) for closed in closings)
    if not all(np.array_equal(first.rgb, other.rgb) for other in others):
        raise _truncated()
    return first


def _decode(data: bytes, source: SourceFormat, limits: PixelLimits, keep: MetadataChoice) -> Photo:
    picture = _read(data, source, limits)
    colour, alpha = split(picture.image, declared_profile(data, source, picture.image))
    if source == "BMP" and alpha is not None and alpha.getextrema() == (0, 0):
        alpha = None  # Programs that know no alpha leave its bytes empty.
    return Photo(
        rgb=_upright(_flatten(colour, alpha), picture.turn),
        alpha=None if alpha is None else _upright(alpha, picture.turn),
        format=_RESULT_FORMATS.get(source, "PNG"),
        metadata=carried(picture.image, picture.exif, keep),
        note=picture.note,
    )


def _read(data: bytes, source: SourceFormat, limits: PixelLimits) -> _Picture:
    # Imported here, so that decoders start without them: most photos are JPEGs.
    if source == "HEIF":
        from worker.pixels.formats.heif import read_heif

        image, orientation, block, count = read_heif(data, limits)
        note = note_of(count, painted="its main one")
        return _Picture(image, _TURNS.get(orientation), _exif(block), note)
    if source == "TIFF":
        from worker.pixels.formats.deep_tiff import read_deep

        if found := read_deep(data, limits):
            note = note_of(tiff_pages(data), "pages")
            return _Picture(found[0], _TURNS.get(found[1]), _exif(data), note)
    return _by_pillow(data, source, limits)


def _by_pillow(data: bytes, source: SourceFormat, limits: PixelLimits) -> _Picture:
    _check_structure(data, source, limits)
    readable = png_without_text(data) if source == "PNG" else data
    with Image.open(io.BytesIO(readable), formats=[source]) as image:
        limits.check(*max(image.size, _tile(image, source), key=prod))
        if source == "JPEG":
            _check_scans(jpeg_scans(data), *image.size)
        _check_single(image, source)
        turn = _turn(image, source)
        image.load()
        # A TIFF is a block of Exif itself, and Pillow lets go of its own while it loads.
        exif = _exif(data) if source == "TIFF" else _exif(image.info.get("exif", b""))
        return _Picture(image, turn, exif, _note(data, source, image))


def _note(data: bytes, source: SourceFormat, image: Image.Image) -> str | None:
    if source == "TIFF":
        return note_of(tiff_pages(data), "pages")
    return note_of(jpeg_pictures(data, image)) if source == "JPEG" else None


def _exif(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    with suppress(Exception):  # Broken Exif raises nearly everything, and is as good as none.
        exif.load(block)
    return exif


def _check_structure(data: bytes, source: SourceFormat, limits: PixelLimits) -> None:
    """Turn away what Pillow would spend memory on, or not notice."""
    if source == "WEBP":
        limits.check(*webp_canvas(data))
    if source == "PNG" and png_damaged(data):
        raise PhotoRejected(
            "photo-unreadable", "The PNG is damaged (wrong checksum); send the file again."
        )


def _tile(image: Image.Image, source: SourceFormat) -> tuple[int, int]:
    """Return the size of a TIFF's tiles, 0×0 where there are none: libtiff decodes whole ones."""
    tags = getattr(image, "tag_v2", {}) if source == "TIFF" else {}
    return int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_LENGTH, 0))


def _check_scans(scans: int, width: int, height: int) -> None:
    if scans > MAX_JPEG_SCANS or scans * width * height > MAX_SCANNED_MEGAPIXELS * 1e6:
        raise PhotoRejected(
            "photo-unreadable",
            f"The JPEG has {scans} scans, too many for its size; save it anew and send that.",
        )


def _check_single(image: Image.Image, source: SourceFormat) -> None:
    if source in ("AVIF", "GIF", "PNG", "WEBP") and getattr(image, "is_animated", False):
        raise PhotoRejected(
            "animated-photo", "The file is an animation; send one of its pictures instead."
        )
    if source == "TIFF" and getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE) == 1:
        raise unsupported(CAMERA_RAW)


def _turn(image: Image.Image, source: SourceFormat) -> Image.Transpose | None:
    """Look up how to turn the photo upright; broken EXIF leaves it as it is."""
    if source == "TIFF":
        return None  # Pillow turns TIFFs itself while it loads them.
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return None


def _flatten(colour: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is None:
        return colour
    return Image.composite(colour, Image.new("RGB", colour.size, "white"), alpha)


def _upright(image: Image.Image, turn: Image.Transpose | None) -> np.ndarray:
    # A copy: the view that Pillow hands out is read-only, and tensors do not take those.
    return np.array(image if turn is None else image.transpose(turn))


def _explain(data: bytes, source: SourceFormat, error: Exception) -> PhotoRejected:
    if ends_early(data, source) or "truncated" in str(error).lower():
        return _truncated()
    return PhotoRejected(
        "photo-unreadable",
        f"The file begins like a {source} and cannot be decoded; save it anew and send that.",
    )


def _truncated() -> PhotoRejected:
    return PhotoRejected(
        "truncated-photo", "The file ends before its picture does; send the whole file again."
    )
