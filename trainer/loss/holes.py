"""Holes: areas of a painting where the net paints nothing, the flat grey of its last bias.

The channels before the last convolution pass a ReLU. Where all of them are below zero, the
painting has the colour of that convolution's bias, and nothing of the photo. It happens to areas
in which the residual blocks' features have run away: instance norm measures a channel over the
whole photo, so that one such area is far from the mean in all channels at once (Karras et al.,
2020, found the same in generators, and called it droplets).
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.net import TransformNet

#: Side (pixels) of the neighbourhood that must be of one colour: the last convolution's kernel.
_SIDE: Final = 9
#: How far a colour, of 0..1, may be from that of nothing: pixels are stored in 255ths.
_NEAR: Final = 1.01 / 255


@torch.no_grad()
def dead_share(painted: Tensor, blank: Tensor | None) -> float:
    """Return which share of a painting, (1, 3, H, W) of 0..1, is dead: 0..1.

    Dead is a pixel that has nothing but the colour `blank` (3,) around it, which the net paints
    where it sees nothing; 0 where that is unknown.
    """
    if blank is None:
        return 0.0
    off = (painted - blank.to(painted).view(1, 3, 1, 1)).abs().amax(1, keepdim=True)
    farthest = F.max_pool2d(off, _SIDE, stride=1, padding=_SIDE // 2)
    return (farthest <= _NEAR).float().mean().item()


def blank_of(net: nn.Module) -> Tensor | None:
    """Return the colour (3,), 0..1, that a net paints where all its channels are dead."""
    if not isinstance(net, TransformNet) or net.paint.bias is None:
        return None
    return (net.paint.bias.detach() + 0.5).clamp(0, 1)
