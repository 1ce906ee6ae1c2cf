"""The painting that a style is learned from: decoded within limits, upright, brought to size."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infra.errors import ImpastoError
from trainer.corpus import resized
from worker.pixels import PhotoRejected, PixelLimits, decode

#: Pixels that a painting's short side has at least; smaller ones hold no strokes to learn.
SMALLEST_PAINTING = 64
#: Megapixels (1e6) that a painting has at most.
LARGEST_PAINTING = 100.0


class PaintingTooSmall(ImpastoError):
    """There is too little of the painting to learn a style from."""

    type = "painting-too-small"
    title = "The painting is too small to learn from."


class PaintingRejected(ImpastoError):
    """The painting's file is no picture that can be used."""

    type = "painting-rejected"
    title = "The painting cannot be read as a picture."


def read_painting(path: Path, side: int, limits: PixelLimits | None = None) -> NDArray[np.uint8]:
    """Decode a painting and bring its short side to `side` pixels: (H, W, 3) uint8 sRGB.

    Raises PaintingRejected when it is no picture or beyond `limits`, and PaintingTooSmall.
    """
    limits = limits or PixelLimits(LARGEST_PAINTING)
    try:
        photo = decode(path.read_bytes(), limits)
    except (PhotoRejected, OSError) as error:
        raise PaintingRejected(f"The painting {path.name} cannot be used: {error}") from error
    if min(photo.height, photo.width) < SMALLEST_PAINTING:
        raise PaintingTooSmall(
            f"The painting has {photo.width}×{photo.height} pixels; its short side must have at "
            f"least {SMALLEST_PAINTING}, and 400 or more make better strokes."
        )
    return resized(Image.fromarray(photo.rgb), side)
