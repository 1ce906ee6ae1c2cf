"""Proportional strokes: every photo is painted at one scale and resized to its own.

A net's strokes have a size in pixels, so a larger photo gets finer strokes. Painted at a fixed
scale, a preview and the full size look the same. Detail that the scale cannot show is added back as
lightness: edges stay sharp, and strokes do not change.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.engines.port import Check, Engine, Pixels, go_on

#: Pixels of the longer side that photos are painted at: strokes as on a screen.
WORKING_SIDE = 1024
#: Share (0..1) of the photo's detail that is added back. All of it draws the photo over the paint;
#: none of it leaves large photos blurred.
DETAIL = 0.7
#: Pixels that are resized back at a time, which bounds memory.
_BAND_PIXELS = 1 << 20
#: Weights of red, green and blue (ITU-R BT.601).
_LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)


class ProportionalEngine:
    """Paints with another engine, at the scale at which strokes keep their share of the picture."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def held_bytes(self) -> int:
        """See Engine."""
        return self._engine.held_bytes

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine."""
        return self.stylize_batch([rgb], check)[0]

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine."""
        scaled = [_scaled(rgb) for rgb in photos]
        painted = self._engine.stylize_batch([np.array(picture) for picture in scaled], check)
        return [
            _resized_back(Image.fromarray(painting), picture, rgb, check)
            for painting, picture, rgb in zip(painted, scaled, photos, strict=True)
        ]


def _scaled(rgb: Pixels) -> Image.Image:
    size = working_size(*rgb.shape[:2])
    return Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return the width and height that a photo is painted at."""
    scale = WORKING_SIDE / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized_back(painting: Image.Image, scaled: Image.Image, rgb: Pixels, check: Check) -> Pixels:
    """Return a painting of `scaled` in the size of `rgb`, the photo that was scaled."""
    height, width, _ = rgb.shape
    rows = max(1, _BAND_PIXELS // width)
    result = np.empty_like(rgb)
    for top in range(0, height, rows):
        check()
        band = slice(top, min(top + rows, height))
        painted, seen = (_band(picture, band, height, width) for picture in (painting, scaled))
        detail = (rgb[band] @ _LIGHTNESS - seen @ _LIGHTNESS)[..., None]
        result[band] = np.clip(painted + DETAIL * detail, 0, 255).round()
    return result


def _band(picture: Image.Image, band: slice, height: int, width: int) -> NDArray[np.uint8]:
    """Return the rows `band` of a picture enlarged to a size, without enlarging the rest."""
    pixel = picture.height / height
    box = (0, band.start * pixel, picture.width, band.stop * pixel)
    size = (width, band.stop - band.start)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box))
