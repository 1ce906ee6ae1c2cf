"""How far a picture's style is from a painting's, by measures that nothing was trained on.

Each measure turns a picture into clouds of points, and compares clouds by the sliced Wasserstein
distance (Rabin and others, 2011): the mean over random directions of the distance between the
sorted projections. Directions and places are the same each time, so a picture is at 0 from itself.

- `patches`: 7×7 pixels in Lab without their mean colour, on four levels of a Gaussian pyramid:
  strokes and motifs of 7 to 56 pixels;
- `pyramid`: a complex steerable pyramid of lightness (Simoncelli and Freeman, 1995), four scales
  of four orientations: at each place of a scale the real parts and the magnitudes, so which ways
  strokes go, how strong they are, and which come together;
- `colour`: pixels in Lab: the palette.
"""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.transform import pyramid_gaussian

from worker.engines.port import Pixels

Cloud = NDArray[np.float32]  # (points, dimensions)
#: Pixels of a side of a patch.
PATCH = 7
SCALES = 4
ORIENTATIONS = 4
#: Pixels at the border of each band of a pyramid, which were filtered with the other side's.
BORDER = 2
#: Points of a cloud, and directions it is looked at from.
POINTS = 8192
DIRECTIONS = 96
#: Places in the order of sorted projections that are compared.
QUANTILES = (np.arange(512) + 0.5) / 512
#: Changes whenever the figures do: kept ones of another do not count.
VERSION = 1


def lab(picture: Pixels) -> NDArray[np.float32]:
    """Return (H, W, 3) uint8 sRGB in CIE Lab, float32."""
    return rgb2lab(picture).astype(np.float32)


def patch_clouds(seen: NDArray[np.float32]) -> list[Cloud]:
    """Return patches of each level of a picture in Lab, without their mean colour."""
    made = pyramid_gaussian(seen, max_layer=SCALES - 1, channel_axis=-1)
    levels = [np.asarray(level, np.float32) for level in made]
    return [_patches(level) for level in levels if min(level.shape[:2]) > PATCH]


def _patches(level: NDArray[np.float32]) -> Cloud:
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH, PATCH), axis=(0, 1))
    rows, columns = _places(*windows.shape[:2])
    chosen = windows[rows, columns]  # (points, channels, PATCH, PATCH)
    return (chosen - chosen.mean((2, 3), keepdims=True)).reshape(len(chosen), -1)


def pyramid_clouds(seen: NDArray[np.float32]) -> list[Cloud]:
    """Return the oriented bands of each scale of a picture in Lab, by its lightness."""
    from pyrtools.pyramids import SteerablePyramidFreq  # brings matplotlib, which takes a moment

    height, width = (side - side % 2 for side in seen.shape[:2])
    scales = min(SCALES, int(np.log2(min(height, width))) - 3)
    lightness = seen[:height, :width, 0]
    build: Any = SteerablePyramidFreq  # its `height` is declared to be text
    made = build(lightness, height=scales, order=ORIENTATIONS - 1, is_complex=True)
    return [
        _bands([made.pyr_coeffs[scale, band] for band in range(ORIENTATIONS)])
        for scale in range(scales)
    ]


def _bands(bands: list[NDArray[np.complex128]]) -> Cloud:
    together = np.stack(bands, -1)[BORDER:-BORDER, BORDER:-BORDER]
    rows, columns = _places(*together.shape[:2])
    chosen = together[rows, columns]
    return np.concatenate([chosen.real, np.abs(chosen)], 1).astype(np.float32)


def colour_clouds(seen: NDArray[np.float32]) -> list[Cloud]:
    """Return pixels of a picture in Lab."""
    return [seen[_places(*seen.shape[:2])]]


#: All of them, by name.
MEASURES: dict[str, Callable[[NDArray[np.float32]], list[Cloud]]] = {
    "patches": patch_clouds,
    "pyramid": pyramid_clouds,
    "colour": colour_clouds,
}


@functools.cache
def _places(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the places that stand for an area; all of a small one."""
    chosen = np.arange(height * width)
    if len(chosen) > POINTS:
        chosen = np.random.default_rng(5).choice(chosen, POINTS, replace=False)
    return np.divmod(chosen, width)


@functools.cache
def _directions(dimensions: int) -> NDArray[np.float32]:
    """Return unit vectors, (dimensions, DIRECTIONS)."""
    drawn = np.random.default_rng(dimensions).normal(size=(dimensions, DIRECTIONS))
    return (drawn / np.linalg.norm(drawn, axis=0)).astype(np.float32)


def shadow(cloud: Cloud) -> NDArray[np.float32]:
    """Return a cloud's sorted projections at QUANTILES, (quantiles, directions)."""
    projected = np.sort(cloud @ _directions(cloud.shape[1]), axis=0)
    return projected[(QUANTILES * len(projected)).astype(np.intp)]


@dataclass(frozen=True, slots=True)
class _Known:
    """A painting's cloud, and how wide it lies."""

    shadow: NDArray[np.float32]
    width: float


class StyleGauge:
    """A painting, against which pictures are held."""

    def __init__(self, painting: Pixels) -> None:
        seen = lab(painting)
        self._known = {name: list(map(_know, clouds(seen))) for name, clouds in MEASURES.items()}

    def distances(self, picture: Pixels) -> dict[str, float]:
        """Return a picture's distance, (H, W, 3) uint8, by each measure.

        In widths of the painting's own clouds, averaged over levels: 1 is about how far apart the
        painting's own points lie.
        """
        seen = lab(picture)
        return {
            name: float(
                np.mean(
                    [
                        np.abs(shadow(cloud) - known.shadow).mean() / known.width
                        for cloud, known in zip(clouds(seen), self._known[name], strict=False)
                    ]
                )
            )
            for name, clouds in MEASURES.items()
        }


def _know(cloud: Cloud) -> _Known:
    cast = shadow(cloud)
    width = float(np.abs(cast - np.median(cast, axis=0)).mean())
    return _Known(cast, max(width, 1e-6))


def fingerprint() -> str:
    """Return what decides the figures, for keeping them."""
    decides = (VERSION, PATCH, SCALES, ORIENTATIONS, BORDER, POINTS, DIRECTIONS, len(QUANTILES))
    return f"{zlib.crc32(repr(decides).encode()):08x}"
