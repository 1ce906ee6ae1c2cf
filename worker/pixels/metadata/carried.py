"""From a photo's metadata to its result's: safe by default, nothing or all where that is asked."""

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from PIL import Image, ImageFile, IptcImagePlugin

from infra.jobs.metadata import MetadataChoice
from worker.pixels.metadata import xmp
from worker.pixels.metadata.blocks import Metadata

#: Tags of the first directory, and of Exif's own.
_ORIENTATION: Final = 0x0112
_ARTIST, _COPYRIGHT, _DATE_TIME = 0x013B, 0x8298, 0x0132
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_DIRECTORIES: Final = (_EXIF_DIRECTORY, _GPS_DIRECTORY)
_MAKER_NOTE: Final = 0x927C
#: What describes a file's stored pixels (TIFF 6.0 parts 1 and 2), profiles and other records.
_STRUCTURE: Final = frozenset(
    {*range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301, *range(316, 348)}
    | {*range(512, 533), 700, 33723, 34377, 34675, _ORIENTATION}
)
_TAKEN, _DIGITIZED = 0x9003, 0x9004
#: Offsets from UTC and fractions of a second of the three times.
_OF_TIMES = (0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292)
_INCHES, _CENTIMETRES = 2, 3
#: Characters of a name or a notice that are kept.
_LONGEST_TEXT = 2000
#: Pixels an inch that no print has.
_MOST_RESOLUTION = 1e6
#: Bytes of an Exif block; a JPEG has no room for more.
_MOST_EXIF_BYTES = 65_000
#: Of IPTC's older record: by-line, date and time created, copyright notice.
_BY_LINE, _DATE, _TIME, _NOTICE = (2, 80), (2, 55), (2, 60), (2, 116)


def carried(image: Image.Image, exif: Image.Exif, choice: MetadataChoice) -> Metadata:
    """Return what a result carries of a picture's file.

    `none` is nothing. `keep-safe` is when the photo was taken, its artist and copyright, its
    resolution, and that a trained algorithm made the result: never a place, a thumbnail, a serial
    number or a maker's note. `all` is the photo's Exif and XMP as they are, but for orientation and
    thumbnails, which hold no more. Blocks that cannot be read are left out.
    """
    if choice == "none":
        return Metadata()
    packet = _packet(image)
    if choice == "all":
        return Metadata(exif=_whole(exif), xmp=xmp.made_by_an_algorithm(packet))
    return Metadata(exif=_safe(image, exif, packet), xmp=xmp.made_by_an_algorithm())


def _whole(exif: Image.Exif) -> bytes:
    """Write all directories but the thumbnail's, without what describes the stored pixels."""
    made = Image.Exif()
    for tag, value in _directory(exif).items():
        if tag not in _STRUCTURE and tag not in _DIRECTORIES:
            made[tag] = _as_stored(value)
    for number in _DIRECTORIES:
        for tag, value in _directory(exif, number).items():
            if tag not in _DIRECTORIES:
                made.get_ifd(number)[tag] = _as_stored(value)
    block = _block(made)
    if len(block) > _MOST_EXIF_BYTES:
        made.get_ifd(_EXIF_DIRECTORY).pop(_MAKER_NOTE, None)
        block = _block(made)
    return block if len(block) <= _MOST_EXIF_BYTES else b""


def _safe(image: Image.Image, exif: Image.Exif, packet: bytes) -> bytes:
    made = Image.Exif()
    first, own, record = _directory(exif), _directory(exif, _EXIF_DIRECTORY), _record(image)
    for tag, text in {
        _ARTIST: _text(first.get(_ARTIST))
        or xmp.text(packet, "dc:creator")
        or _text(record.get(_BY_LINE)),
        _COPYRIGHT: _text(first.get(_COPYRIGHT))
        or xmp.text(packet, "dc:rights")
        or _text(record.get(_NOTICE)),
        _DATE_TIME: _text(first.get(_DATE_TIME)),
    }.items():
        if text:
            made[tag] = text[:_LONGEST_TEXT]
    times = {tag: _text(own.get(tag)) for tag in (_TAKEN, _DIGITIZED, *_OF_TIMES)}
    times[_TAKEN] = times[_TAKEN] or _taken_by_others(packet, record)
    for tag, text in times.items():
        if text:
            made.get_ifd(_EXIF_DIRECTORY)[tag] = text[:_LONGEST_TEXT].decode("ascii", "ignore")
    if resolution := _resolution(image, first):
        made[_X_RESOLUTION], made[_Y_RESOLUTION] = resolution
        made[_RESOLUTION_UNIT] = _INCHES
    return _block(made)


def _taken_by_others(packet: bytes, record: Mapping[tuple[int, int], Any]) -> bytes:
    """Return when the photo was taken by XMP or IPTC's older record, in Exif's own form."""
    found = xmp.text(packet, "exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
    found = found or _text(record.get(_DATE)) + _text(record.get(_TIME))
    digits = bytes(digit for digit in found if digit in b"0123456789")[:14]
    if len(digits) < 8:
        return b""
    date, time = digits[:8], digits[8:].ljust(6, b"0")
    parts = (date[:4], date[4:6], date[6:]), (time[:2], time[2:4], time[4:])
    return b" ".join(map(b":".join, parts))


def _resolution(image: Image.Image, first: Mapping[int, Any]) -> tuple[float, float] | None:
    """Pixels an inch, across and down."""
    found = image.info.get("dpi")
    if found is None and first.get(_X_RESOLUTION) and first.get(_Y_RESOLUTION):
        per_inch = 2.54 if first.get(_RESOLUTION_UNIT) == _CENTIMETRES else 1.0
        found = (first[_X_RESOLUTION] * per_inch, first[_Y_RESOLUTION] * per_inch)
    try:
        across, down = (round(float(value), 2) for value in found or ())
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    real = all(1 <= value < _MOST_RESOLUTION and math.isfinite(value) for value in (across, down))
    return (across, down) if real else None


def _directory(exif: Image.Exif, number: int | None = None) -> Mapping[int, Any]:
    try:
        return dict(exif) if number is None else dict(exif.get_ifd(number))
    except Exception:
        return {}  # Broken Exif raises nearly everything.


def _record(image: Image.Image) -> Mapping[tuple[int, int], Any]:
    try:
        return IptcImagePlugin.getiptcinfo(cast("ImageFile.ImageFile", image)) or {}
    except Exception:
        return {}


def _packet(image: Image.Image) -> bytes:
    found = image.info.get("xmp", b"")
    return found if isinstance(found, bytes) else str(found).encode()


def _text(value: object) -> bytes:
    """Return a text's bytes as the file has them: UTF-8 mostly, whatever Exif says of ASCII."""
    if isinstance(value, list | tuple):
        value = value[0] if value else b""
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")
    return value.split(b"\0")[0].strip() if isinstance(value, bytes) else b""


def _as_stored(value: object) -> object:
    # Pillow reads texts as Latin-1 and would write them as ASCII, with question marks; it writes
    # bytes as they are, but as texts only where it knows the tag.
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1", "replace")
    return value


def _block(exif: Image.Exif) -> bytes:
    if not len(exif) and not exif.get_ifd(_EXIF_DIRECTORY):
        return b""
    try:
        return exif.tobytes().removeprefix(b"Exif\0\0")
    except Exception:
        return b""
