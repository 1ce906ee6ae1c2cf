"""Flat grey: one grey over many pixels, where no brush leaves one, whatever made it.

A photo may have some of its own, on walls and skies.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

#: Side (pixels) of the neighbourhood that must be of one colour.
_SIDE: Final = 9
#: Steps of 255 that pixels of one flat colour may lie apart, and from which a colour is no grey.
_FLAT: Final = 1.5
_CHROMA: Final = 30.0
#: Lightness (0..255, exclusive) of greys: black and white are no places where paint is missing.
_GREYS: Final = (25.5, 229.5)


@torch.no_grad()
def flat_grey(picture: Tensor) -> float:
    """Return which share of a picture, (1, 3, H, W) of 0..1, is flat grey: 0..1."""
    x = (picture * 255).round()
    highest = F.max_pool2d(x, _SIDE, stride=1, padding=_SIDE // 2)
    lowest = -F.max_pool2d(-x, _SIDE, stride=1, padding=_SIDE // 2)
    flat = (highest - lowest).amax(1) <= _FLAT
    grey = x.amax(1) - x.amin(1) < _CHROMA
    light = x.mean(1)
    between = (light > _GREYS[0]) & (light < _GREYS[1])
    return (flat & grey & between).float().mean().item()
