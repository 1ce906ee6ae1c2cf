"""Two of the net's convolutions, computed phase by phase: the same numbers for less work.

A picture's *phases* are its four sub-pictures of every other row and column. On a CPU the first
rewrite takes 2.25 times fewer multiplications. The second fills the processor's vectors; a
convolution to three channels leaves them four fifths empty.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def doubled_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Double by nearest neighbour, pad by reflection, convolve: (B, I, H, W) → (B, O, 2H, 2W).

    `weight` is (O, I, 3, 3). Each pixel of the doubled picture stands in it four times, so three
    neighbouring taps see two pixels: each phase is a 2×2 convolution of the small picture.
    Reflection at the doubled picture's border repeats the small one's.
    """
    height, width = x.shape[-2:]
    padded = _bordered(x)
    phases = [
        F.conv2d(padded[..., top : top + height + 1, left : left + width + 1], taps)
        for top, rows in enumerate(merged_taps(weight, 2))
        for left, taps in enumerate(merged_taps(rows, 3))
    ]
    return F.pixel_shuffle(torch.stack(phases, 2).flatten(1, 2), 2)


def _bordered(x: Tensor) -> Tensor:
    """Repeat the pixels of a picture's border once more: (B, C, H, W) → (B, C, H + 2, W + 2)."""
    if not torch.compiler.is_compiling():
        return F.pad(x, (1, 1, 1, 1), mode="replicate")
    # The same by other means: torch.compile 2.13 gets the memory layout of that gradient wrong.
    x = torch.cat((x[..., :1, :], x, x[..., -1:, :]), -2)
    return torch.cat((x[..., :1], x, x[..., -1:]), -1)


def merged_taps(weight: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Add the taps of one dimension that read the same pixel, for the even and the odd phase."""
    first, middle, last = weight.unbind(dim)
    return torch.stack((first, middle + last), dim), torch.stack((first + middle, last), dim)


def shuffled_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve to few channels, unpadded: (B, I, H, W) → (B, O, H - K + 1, W - K + 1).

    `weight` is (O, I, K, K). All four phases of the result come from one convolution of stride 2
    to four times as many channels; its kernels are the weight in its four places.
    """
    height, width = (side - weight.shape[-1] + 1 for side in x.shape[-2:])
    kernels = torch.stack(placed(weight), 1).flatten(0, 1)
    even = F.pad(x, (0, width % 2, 0, height % 2))
    phases = F.conv2d(even, kernels, bias.repeat_interleave(4), stride=2)
    return F.pixel_shuffle(phases, 2)[..., :height, :width]


def placed(weight: Tensor) -> list[Tensor]:
    """Return a weight, (O, I, K, K), in its four places of a kernel larger by one, row by row."""
    return [F.pad(weight, (j, 1 - j, i, 1 - i)) for i in (0, 1) for j in (0, 1)]
