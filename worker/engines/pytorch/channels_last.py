"""Padding and interleaving that keep channels last in memory, unlike PyTorch's own.

PyTorch's padding returns channels first, and a cropped pixel shuffle is not contiguous: the next
convolution would first copy the whole picture.
"""

from typing import Literal

import torch
from torch import Tensor

#: Pixels that a doubling makes of one: two rows of two.
PHASES = 4

PadMode = Literal["reflect", "replicate", "constant"]


def padded(x: Tensor, sides: tuple[int, int, int, int], mode: PadMode) -> Tensor:
    """Return (B, C, H, W) with columns left and right, and rows above and below, of `mode`.

    Sides are in the order of torch.nn.functional.pad; `constant` is 0.
    """
    left, right, above, below = sides
    height, width = x.shape[-2:]
    whole = _empty(x, x.shape[1], above + height + below, left + width + right)
    inner = whole.narrow(2, above, height)
    inner.narrow(3, left, width).copy_(x)
    _fill(inner, 3, left, right, mode)
    _fill(whole, 2, above, below, mode)
    return whole


def _fill(whole: Tensor, side: int, before: int, after: int, mode: PadMode) -> None:
    """Set so many rows or columns at the begin and at the end from those between."""
    last = whole.shape[side] - after - 1
    borders = ((0, before, before, before + 1), (last + 1, after, last, last - after))
    for start, count, edge, mirrored in borders:
        if not count:
            continue
        border = whole.narrow(side, start, count)
        if mode == "constant":
            border.zero_()
        elif mode == "replicate":
            border.copy_(whole.narrow(side, edge, 1))
        else:
            border.copy_(whole.narrow(side, mirrored, count).flip(side))


def interleaved(phases: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return rows and columns of (B, C, 2 H, 2 W), whose pixels are (B, 4 C, H, W)'s phases.

    A phase's channels stand together, in the order upper left, upper right, lower left, lower
    right. Of the slices, start and stop count.
    """
    top, left = rows.start or 0, columns.start or 0
    made = _empty(phases, phases.shape[1] // PHASES, rows.stop - top, columns.stop - left)
    for number, phase in enumerate(phases.chunk(PHASES, 1)):
        # The first of this phase's rows and columns that are shown: where, and which it is.
        row, column = (number // 2 - top) % 2, (number % 2 - left) % 2
        target = made[..., row::2, column::2]
        y, x = (top + row) // 2, (left + column) // 2
        target.copy_(phase[..., y : y + target.shape[-2], x : x + target.shape[-1]])
    return made


def _empty(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    return torch.empty(
        (like.shape[0], channels, height, width),
        dtype=like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )
