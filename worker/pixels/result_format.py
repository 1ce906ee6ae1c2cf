"""The format of a result: what an album asks for, as far as a photo's sides allow."""

from dataclasses import replace
from typing import Final

from infra.jobs.formats import FormatChoice, ResultFormat
from worker.pixels.formats.sniff import sniff
from worker.pixels.photo import Photo

#: Pixels of the longest side that each format has numbers for; PNG has room for all that is taken.
LONGEST_SIDES: Final[dict[ResultFormat, int]] = {"JPEG": 65_500, "WEBP": 16_383, "AVIF": 65_535}

_ASKED: Final[dict[FormatChoice, ResultFormat]] = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
}


def in_format(photo: Photo, choice: FormatChoice, data: bytes) -> Photo:
    """Return a photo that was decoded from `data`, to be written as its album asks.

    A result that is too long for the format keeps its photo's own, and says so in its note.
    """
    wanted = _ASKED.get(choice, photo.format)
    if choice == "own" and sniff(data) == "AVIF":
        wanted = "AVIF"
    if wanted == photo.format:
        return photo
    if max(photo.rgb.shape) > LONGEST_SIDES.get(wanted, max(photo.rgb.shape)):
        told = (
            f"A side is longer than the {LONGEST_SIDES[wanted]:,} pixels that {wanted} has room "
            f"for, so the result is {photo.format}."
        )
        return replace(photo, note=" ".join(filter(None, (photo.note, told))))
    return replace(photo, format=wanted)
