"""The grain: a fine, fixed noise on a photo before a net sees it, like the tooth of a canvas.

Where a photo is flat, a net finds nothing to begin a stroke with, and paints one flat colour. A net
says in its config how strong the grain of its photos is, and was trained on photos that had it.
The noise is the same for red, green and blue, and lies at fixed places of the photo: so a photo
painted tile by tile is the photo painted as a whole. Black and white are where photos are flattest,
and there half of the noise would be cut off: so it is given room, by a little less contrast, which
a net's first norm takes away again.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from worker.net.transform import TransformNet

Pixels = NDArray[np.uint8]
#: Pixels after which the noise repeats, down and across.
PERIOD: Final = 1024
#: What the noise is made from. Another text is another noise, and other paintings of every net.
_SEED: Final = b"impasto grain 1"
#: A Gaussian of 1.5 pixels in thousandths, from its middle: what a net's first layers still see.
_BELL: Final = (1000, 801, 411, 135, 29)
#: Bits that are dropped so that sums of squares stay within 64 bits.
_DROPPED: Final = 12
#: Deviations that black is raised and white lowered by, and how many 255ths that is at most.
_ROOM: Final = 2
_MOST_ROOM: Final = 64
#: Rows that are worked at a time: what they need stays in a processor's cache.
_BAND: Final = 64


@lru_cache(maxsize=4)
def noise(grain: float) -> NDArray[np.int16]:
    """Return the noise of a standard deviation, both in 255ths: (PERIOD, PERIOD), periodic.

    SHAKE-256 of a fixed text gives a byte a pixel, which are blurred and centred in integers; one
    multiplication, one division and one rounding in float64 are the rest. So every machine and
    every version of every library makes the same.
    """
    count = PERIOD * PERIOD
    drawn = np.frombuffer(hashlib.shake_256(_SEED).digest(count), np.uint8)
    fine = drawn.reshape(PERIOD, PERIOD).astype(np.int64)
    for axis in (0, 1):
        shifted = ((weight, step) for step, weight in enumerate(_BELL) if step)
        around = (w * (np.roll(fine, s, axis) + np.roll(fine, -s, axis)) for w, s in shifted)
        fine = sum(around, start=_BELL[0] * fine)
    fine = (fine - int(fine.sum()) // count) >> _DROPPED
    deviation = math.isqrt(int((fine * fine).sum()) // count)
    return np.rint(fine * float(grain) / deviation).astype(np.int16)


def laid(rgb: Pixels, grain: float, *, top: int = 0, left: int = 0) -> Pixels:
    """Return pixels, (H, W, 3), with the grain on them.

    The first one lies `top` and `left` pixels from the photo's corner. Without a grain they are
    returned as they are.
    """
    if not grain:
        return rgb
    height, width, _ = rgb.shape
    low, high, added = _steps(grain)
    share = np.uint16(_share(grain))
    plain = np.ascontiguousarray(rgb).reshape(height, 3 * width)
    result = np.empty_like(plain)
    for columns, across in _pieces(left, width, PERIOD):
        shown = slice(3 * columns.start, 3 * columns.stop)
        seen = slice(3 * across.start, 3 * across.stop)
        for rows, down in _pieces(top, height, _BAND):
            part = result[rows, shown]
            part[...] = np.multiply(plain[rows, shown], share, dtype=np.uint16) >> 8
            np.maximum(part, low[down, seen], out=part)
            np.minimum(part, high[down, seen], out=part)
            np.add(part, added[down, seen], out=part)  # bytes go round, so a negative step is one
    return result.reshape(height, width, 3)


@lru_cache(maxsize=2)
def _steps(grain: float) -> tuple[Pixels, Pixels, Pixels]:
    """Return, for each byte of a row, what it is raised to, lowered to, and what is added then."""
    step = np.repeat(noise(grain), 3, axis=1) + _room(grain)
    bounds = (-step).clip(0, 255), (255 - step).clip(0, 255), step.clip(-255, 255)
    low, high, added = (values.astype(np.uint8) for values in bounds)
    return low, high, added


def _room(grain: float) -> int:
    """Return by how many 255ths black is raised and white lowered."""
    return min(round(_ROOM * grain), _MOST_ROOM)


def _share(grain: float) -> int:
    """Return how much of a photo's contrast is left, in 256ths."""
    return round(256 * (255 - 2 * _room(grain)) / 255)


def _pieces(start: int, length: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Cut a stretch into pieces that are whole in the noise: where each lies, and what it sees."""
    done = 0
    while done < length:
        place = (start + done) % PERIOD
        size = min(length - done, PERIOD - place, most)
        yield slice(done, done + size), slice(place, place + size)
        done += size


def grained(photos: Tensor, grain: float, places: Sequence[tuple[int, int]] = ()) -> Tensor:
    """Return photos, (B, 3, H, W) 0..1, with the grain on them; without one, as they are.

    `places` are each one's rows and columns from the corner of the photo that it is cut from.
    """
    if not grain:
        return photos
    height, width = photos.shape[-2:]
    tile = noise(grain)
    cut = [
        tile[np.ix_(*((np.arange(start, start + side)) % PERIOD for start, side in sides))]
        for top, left in places or [(0, 0)] * len(photos)
        for sides in [((top, height), (left, width))]
    ]
    step = torch.from_numpy(np.stack(cut)[:, None] + _room(grain)).to(photos.device)
    narrowed = (photos * 255).round_().mul_(_share(grain)).div_(256).floor_()
    return narrowed.add_(step).clamp_(0, 255).div_(255)  # laid out in memory as they were


@torch.no_grad()
def paint(net: nn.Module, photos: Tensor) -> Tensor:
    """Return what a net makes of whole photos, (B, 3, H, W) 0..1, as the service's engines do.

    Everything but training steps paints by this. The net is left in evaluation mode.
    """
    return net.eval()(grained(photos, grain_of(net)))


def grain_of(net: nn.Module) -> float:
    """Return the grain that a net's config names."""
    return net.config.grain if isinstance(net, TransformNet) else 0.0
