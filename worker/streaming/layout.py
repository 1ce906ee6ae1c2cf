"""Padding and phases that keep channels last, as PyTorch's own do not on a CPU.

Its padding of channels-last input comes out channels first, and cutting the border off what it
interleaves leaves holes: the next convolution would first copy everything back.
"""

from typing import Literal

import torch
from torch import Tensor

#: What a doubling makes of each pixel: two rows of two.
PHASES = 4

PadMode = Literal["reflect", "replicate", "constant"]


def padded(x: Tensor, sides: tuple[int, int, int, int], mode: PadMode) -> Tensor:
    """Return (1, C, H, W) with columns left and right, and rows above and below, of `mode`.

    Sides are in the order of torch.nn.functional.pad; `constant` is 0.
    """
    left, right, above, below = sides
    height, width = x.shape[-2:]
    whole = _channels_last(x, above + height + below, left + width + right)
    whole[..., above : above + height, left : left + width] = x
    for side, first, last in ((3, left, left + width - 1), (2, above, above + height - 1)):
        lines = whole.unbind(side)
        for at in range(first):
            _fill(lines, at, first, first - at, mode)
        for at in range(last + 1, len(lines)):
            _fill(lines, at, last, last - at, mode)
    return whole


def _fill(lines: tuple[Tensor, ...], at: int, edge: int, beyond: int, mode: PadMode) -> None:
    """Set a row or column that lies `beyond` the picture's edge."""
    if mode == "constant":
        lines[at].zero_()
    else:
        lines[at].copy_(lines[edge + (beyond if mode == "reflect" else 0)])


def interleaved(phases: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return rows and columns of (1, C, 2 H, 2 W), whose pixels are (1, 4 C, H, W)'s phases.

    A phase's channels stand together, in the order upper left, upper right, lower left, lower
    right. Of the slices, start and stop count.
    """
    top, left = rows.start or 0, columns.start or 0
    made = _channels_last(phases[:, ::PHASES], rows.stop - top, columns.stop - left)
    for number, phase in enumerate(phases.chunk(PHASES, 1)):
        # The first of this phase's rows and columns that are shown: where, and which it is.
        row, column = (number // 2 - top) % 2, (number % 2 - left) % 2
        target = made[..., row::2, column::2]
        y, x = (top + row) // 2, (left + column) // 2
        target.copy_(phase[..., y : y + target.shape[-2], x : x + target.shape[-1]])
    return made


def _channels_last(like: Tensor, height: int, width: int) -> Tensor:
    shape = (1, like.shape[1], height, width)
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )
