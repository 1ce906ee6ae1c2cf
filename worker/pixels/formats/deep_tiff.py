"""TIFFs of more than 8 bits a sample, read by tifffile, because Pillow misreads some of them.

Pillow 13 reads planes of 16 bits as one after another's bytes, leaves white-is-zero as it is at 16
bits, and knows neither half floats nor 32-bit colours (tried over all combinations of kind, depth,
layout, byte order and compression).
"""

import io
import logging

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from worker.pixels.colour.srgb import to_8_bits
from worker.pixels.formats.raw import is_raw
from worker.pixels.formats.sniff import CAMERA_RAW, unsupported
from worker.pixels.photo import PhotoRejected, PixelLimits, Pixels

# It tells of each odd tag; what is wrong with a photo is told in our own words.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_ORIENTATION, _ICC_PROFILE = 274, 34675
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _INKS = 0, 1, 2, 5
#: Photometric interpretation → how many samples are colour, and Pillow's mode for them.
_COLOURS = {
    _WHITE_IS_ZERO: (1, "L"),
    _BLACK_IS_ZERO: (1, "L"),
    _RGB: (3, "RGB"),
    _INKS: (4, "CMYK"),
}
#: Kinds of extra samples: colours multiplied by alpha already, and not.
_ASSOCIATED, _UNASSOCIATED = 1, 2


def read_deep(data: bytes, limits: PixelLimits) -> tuple[Image.Image, int] | None:
    """Read the first page, if its samples are deeper than 8 bits, and its orientation (1 to 8).

    The picture has 8 bits a sample: mode L, RGB or CMYK, or RGBA where it has alpha; its ICC
    profile is in `info`. None where Pillow reads the file as well or finds the words for what is
    broken. Raises PhotoRejected, for cameras' raw files of any depth too, and what tifffile raises
    for damaged samples.
    """
    try:
        file = tifffile.TiffFile(io.BytesIO(data))
        raw, page = is_raw(data, file), file.pages.first
    except Exception:
        return None
    if raw:
        raise unsupported(CAMERA_RAW)
    if not isinstance(page, tifffile.TiffPage) or page.bitspersample <= 8:
        return None
    return _read(page, limits), page.tags.valueof(_ORIENTATION, default=1)


def _read(page: tifffile.TiffPage, limits: PixelLimits) -> Image.Image:
    width, height = page.imagewidth, page.imagelength
    limits.check(max(width, page.tilewidth), max(height, page.tilelength))
    if page.photometric not in _COLOURS:
        raise PhotoRejected(
            "unsupported-format",
            "The TIFF's colours are of a kind that is not read; save it as RGB and send that.",
        )
    count, mode = _COLOURS[page.photometric]
    samples = _samples(page, count)
    colour = [_to_bytes(samples[..., band], page.bitspersample) for band in range(count)]
    if page.photometric == _WHITE_IS_ZERO:
        colour = [255 - band for band in colour]
    picture = _with_alpha(_merged(colour, mode), samples, page, count)
    if profile := page.tags.valueof(_ICC_PROFILE):
        picture.info["icc_profile"] = bytes(profile)
    return picture


def _samples(page: tifffile.TiffPage, count: int) -> NDArray[np.generic]:
    """Return the page as (H, W, samples), whether its planes are apart or not."""
    samples = page.asarray(squeeze=False, maxworkers=1)
    # (separate samples, depth, length, width, contiguous samples): one of the two is 1.
    planes, _, height, width, together = samples.shape
    bands = samples[:, 0].transpose(1, 2, 0, 3).reshape(height, width, planes * together)
    if bands.shape[2] < count:
        raise ValueError("fewer samples than the colours need")
    return bands


def _to_bytes(samples: NDArray[np.generic], bits: int) -> Pixels:
    """Scale a band to 0..255: whole numbers from the range of their bits, floats as `to_8_bits`."""
    if samples.dtype.kind != "u":
        return to_8_bits(samples)
    # By 256ths of the range: float64 holds 32 bits exactly, float32 would not.
    scaled = samples.astype(np.float32 if bits <= 16 else np.float64)
    scaled *= 255 / (2**bits - 1)
    return np.round(scaled).astype(np.uint8)


def _merged(bands: list[Pixels], mode: str) -> Image.Image:
    return Image.merge(mode, [Image.fromarray(band) for band in bands])


def _with_alpha(
    colour: Image.Image, samples: NDArray[np.generic], page: tifffile.TiffPage, count: int
) -> Image.Image:
    """Put the first extra sample beside the colours, if it is declared as alpha."""
    kinds = page.extrasamples
    if not kinds or kinds[0] not in (_ASSOCIATED, _UNASSOCIATED) or samples.shape[2] <= count:
        return colour
    alpha = Image.fromarray(_to_bytes(samples[..., count], page.bitspersample))
    if kinds[0] == _ASSOCIATED:
        return Image.merge("RGBa", (*colour.convert("RGB").split(), alpha)).convert("RGBA")
    layered = colour.convert("RGB")
    layered.putalpha(alpha)
    return layered
