"""Any of Pillow's modes to 8-bit sRGB and an alpha channel."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from worker.pixels.photo import Pixels

_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})

#: Modes that can be transparent and have one channel of colour.
_GREY_MODES = frozenset({"1", "L", "LA", "La"})

#: The colour space of an ICC profile and Pillow's mode → the mode that the profile is applied to.
_PROFILED = {
    ("RGB", "RGB"): "RGB",
    ("RGB", "L"): "RGB",
    ("GRAY", "L"): "L",
    ("CMYK", "CMYK"): "CMYK",
}

_SRGB = ImageCms.createProfile("sRGB")


def split(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None]:
    """Split a loaded picture into sRGB (mode RGB) and alpha (mode L; None where opaque).

    Its ICC profile is followed; a broken or unfitting one is ignored, as viewers do.
    """
    if image.mode in _DEEP_MODES:
        colour, alpha = _shallow(image)
    elif image.has_transparency_data:
        colour, alpha = _layers(image)
    else:
        colour, alpha = _plain(image), None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    return _to_srgb(colour, profile), alpha


def to_8_bits(samples: NDArray[np.generic]) -> Pixels:
    """Scale samples deeper than 8 bits to 0..255 without clipping them.

    Whole numbers within 0..65535 count as 16-bit, floats within 0..1 as such; any other range is
    stretched from its least to its greatest value. Not-a-number becomes black.
    """
    values = np.nan_to_num(samples.astype(np.float32), nan=0.0)
    low, high = (0.0, 65535.0) if samples.dtype.kind in "iu" else (0.0, 1.0)
    if values.size and (values.min() < low or values.max() > high):
        low, high = float(values.min()), float(values.max())
    # Twice half the range: the range of float32 extremes itself would overflow.
    scaled = (values / 2 - low / 2) / max(high / 2 - low / 2, np.finfo(np.float32).tiny)
    return np.round(scaled * 255).astype(np.uint8)


def _plain(image: Image.Image) -> Image.Image:
    """Bring palettes, bilevel and exotic spaces to a mode that profiles describe."""
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _layers(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Take colour and alpha apart; grey stays grey, which is what its profile describes."""
    grey = image.mode in _GREY_MODES
    layered = image.convert("LA" if grey else "RGBA")
    return layered.convert("L" if grey else "RGB"), layered.getchannel("A")


def _shallow(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Bring a deep grey picture to 8 bits; its transparent grey value becomes alpha."""
    samples = np.asarray(image)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return Image.fromarray(to_8_bits(samples)), None
    alpha = np.where(samples == clear, 0, 255).astype(np.uint8)
    return Image.fromarray(to_8_bits(samples)), Image.fromarray(alpha)


def _to_srgb(colour: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            return _follow(colour, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # A profile that cannot be followed says nothing about the colours.
    return colour if colour.mode == "RGB" else colour.convert("RGB")


def _follow(colour: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.core.profile_frombytes(profile)
    mode = _PROFILED.get((source.xcolor_space.strip(), colour.mode))
    if mode is None:
        raise ValueError("the profile is for another colour space")
    followed = ImageCms.profileToProfile(
        colour.convert(mode),
        ImageCms.ImageCmsProfile(source),
        _SRGB,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert followed is not None  # It is only None when converting in place.
    return followed
