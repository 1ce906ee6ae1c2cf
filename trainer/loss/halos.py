"""Halos: skies and walls that are lighter or darker beside an edge than elsewhere.

Where a photo is flat, a painting may have strokes, but its light should not depend on how near an
outline is. Instance norm, and features that look far around, make it do so: a pale rim where a dark
roof meets the sky. Measured is the light of the rim less that of the same area farther away, and
counted as positive where it widens the step at the edge. So strokes, which know nothing of edges,
cancel each other.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.loss.luma import luma

#: Step of light, 0..1, between two sides that makes an edge.
_EDGE: Final = 0.2
#: How far a flat area's light, 0..1, may vary around a pixel.
_FLAT: Final = 0.04
#: Pixels from an edge: where its rim ends, and where the area that it is held against begins.
_RIM: Final = 10
_FAR: Final = 16
#: Pixels around a rim in which the same area is looked for.
_AROUND: Final = 24
#: Levels of light: a rim and its area are of one level, or of two that are neighbours.
_LEVELS: Final = 8
#: Share of a photo, 0..1, that rims must cover for a halo to be told.
_LEAST: Final = 0.002


@torch.no_grad()
def halo(painted: Tensor, photo: Tensor) -> float:
    """Return by how much a painting's rims overshoot, both (1, 3, H, W) of 0..1: -1..1.

    0 where the photo has no flat area beside an edge. Below 0, edges bleed into their areas.
    """
    light, was = luma(painted.clamp(0, 1)), luma(photo)
    edge, flat = _spread(was, 5) > _EDGE, _spread(was, 7) < _FLAT
    rims, areas = flat & _near(edge, _RIM), flat & ~_near(edge, _FAR)
    lighter_side = (was - _mean_around(was)).sign()
    levels = (was * _LEVELS).long().clamp(max=_LEVELS - 1)
    overshoot = []
    for level in range(_LEVELS):
        area = areas & ((was * _LEVELS - level - 0.5).abs() <= 1)
        there = _sum_around(area.float())
        # With less of its area around it, a rim is held against next to nothing.
        rim = rims & (levels == level) & (there >= _AROUND)
        more = (light - was) - _sum_around((light - was) * area) / there.clamp(min=1)
        overshoot.append((more * lighter_side)[rim])
    seen = torch.cat(overshoot)
    return seen.mean().item() if len(seen) >= _LEAST * was.numel() else 0.0


def _spread(light: Tensor, side: int) -> Tensor:
    """By how much light varies in the square of that side around each pixel."""
    most = F.max_pool2d(light, side, stride=1, padding=side // 2)
    least = -F.max_pool2d(-light, side, stride=1, padding=side // 2)
    return most - least


def _near(mask: Tensor, pixels: int) -> Tensor:
    """Where a mask holds within so many pixels, as a mask."""
    return _sum_around(mask.float(), pixels) > 0.5


def _mean_around(values: Tensor) -> Tensor:
    return _sum_around(values) / _sum_around(torch.ones_like(values))


def _sum_around(values: Tensor, pixels: int = _AROUND) -> Tensor:
    """The sum over a square around each pixel, whose cost does not depend on its size."""
    for side in (2, 3):
        sums = F.pad(values, (pixels + 1, pixels) if side == 3 else (0, 0, pixels + 1, pixels))
        sums = sums.cumsum(side)
        length = values.shape[side]
        values = sums.narrow(side, 2 * pixels + 1, length) - sums.narrow(side, 0, length)
    return values
