"""The painting that a style is learned from: decoded within limits, upright, brought to size."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from infra.errors import ImpastoError
from infra.jobs.domain.training_options import SMALLEST_PAINTING
from trainer.data.corpus import resized
from trainer.data.proportions import check_proportions
from worker.pixels import Photo, PhotoRejected, PixelLimits, decode

#: Decodes a picture's file; raises PhotoRejected.
Decode = Callable[[bytes], Photo]

#: Megapixels (1e6) that a person's own painting has at most, on their own machine.
LARGEST_PAINTING = 100.0
#: Decodes in this process: people's own files, never a stranger's, which might end it.
decode_here: Decode = partial(decode, limits=PixelLimits(LARGEST_PAINTING))


class PaintingTooSmall(ImpastoError):
    """There is too little of the painting to learn a style from."""

    type = "painting-too-small"
    title = "The painting is too small to learn from."


class PaintingRejected(ImpastoError):
    """The painting's file is no picture that can be used."""

    type = "painting-rejected"
    title = "The painting cannot be read as a picture."


def read_painting(
    path: Path, side: int, decode: Decode = decode_here, *, blur: float = 0.0
) -> NDArray[np.uint8]:
    """Decode a painting and bring its short side to `side` pixels: (H, W, 3) uint8 sRGB.

    `blur` is the deviation, pixels of that size, of a Gaussian that takes away what is finer than
    strokes: canvas, and a scan's sharpening. Nets answer those with a weave over the whole picture.
    Raises PaintingRejected when it is no picture that `decode` takes, or one side is many times
    the other, and PaintingTooSmall.
    """
    try:
        photo = decode(path.read_bytes())
        _check_size(photo)
        check_proportions(photo)
    except (PhotoRejected, OSError) as error:
        raise PaintingRejected(f"The painting {path.name} cannot be used: {error}") from error
    shown = resized(Image.fromarray(photo.rgb), side)
    return np.asarray(Image.fromarray(shown).filter(ImageFilter.GaussianBlur(blur)))


def _check_size(photo: Photo) -> None:
    if min(photo.height, photo.width) < SMALLEST_PAINTING:
        raise PaintingTooSmall(
            f"The painting has {photo.width}×{photo.height} pixels; its short side must have at "
            f"least {SMALLEST_PAINTING}, and 400 or more make better strokes."
        )
