"""The colour that a file declares for its pixels, in whichever of its format's ways."""

import struct

from PIL import Image

from worker.pixels.colour import profiles
from worker.pixels.formats import bmff
from worker.pixels.formats.sniff import SourceFormat
from worker.pixels.formats.structure import png_chunk
from worker.pixels.photo import PhotoRejected


def declared_profile(data: bytes, source: SourceFormat, image: Image.Image) -> bytes | None:
    """Return the ICC profile that a picture's pixels follow; None for sRGB.

    Codes and numbers are made into a profile. What cannot be followed counts as sRGB, as viewers
    have it. Raises PhotoRejected `unsupported-format` for high dynamic range (PQ, HLG): shown as
    if it were sRGB, it is grey and flat.
    """
    colour = _coded(data, source)
    profile = image.info.get("icc_profile")
    if (colour and colour.transfer in profiles.HDR_TRANSFERS) or profiles.is_hdr(profile or b""):
        raise PhotoRejected(
            "unsupported-format",
            "The photo is of high dynamic range (PQ or HLG), which is not accepted; "
            "export it in standard dynamic range and send that.",
        )
    try:
        if colour and (source == "PNG" or not profile):
            return profiles.of_codes(colour.primaries, colour.transfer)
        if profile or source != "PNG" or "srgb" in image.info or "gamma" not in image.info:
            return profile
        return profiles.of_gamma(image.info["gamma"], image.info.get("chromaticity"))
    except ValueError:
        return profile


def _coded(data: bytes, source: SourceFormat) -> bmff.CodedColour | None:
    if source in ("HEIF", "AVIF"):
        return bmff.primary(data).colour
    chunk = png_chunk(data, b"cICP") if source == "PNG" else None
    if chunk is None or len(chunk) != 4:
        return None
    primaries, transfer, _, _ = struct.unpack("4B", chunk)
    return bmff.CodedColour(primaries, transfer)
