"""The fastest that this machine convolves: what a training step is held against."""

import time
from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

#: (batch, channels, side) of 3×3 convolutions that a machine may do best at.
_SHAPES = ((4, 64, 96), (4, 128, 48), (4, 256, 24))
#: Seconds that each shape and layout is tried for; the fastest call of all counts.
_SECONDS = 0.5


def convolution_peak(dtype: torch.dtype = torch.float32) -> float:
    """Return the highest rate (FLOP/s) of a 3×3 convolution, over shapes and layouts."""
    return max(
        _rate(shape, dtype, layout)
        for shape in _SHAPES
        for layout in (torch.contiguous_format, torch.channels_last)
    )


@torch.no_grad()
def _rate(shape: tuple[int, int, int], dtype: torch.dtype, layout: torch.memory_format) -> float:
    batch, channels, side = shape
    x = torch.randn(batch, channels, side, side, dtype=dtype).to(memory_format=layout)
    weight = torch.randn(channels, channels, 3, 3, dtype=dtype).to(memory_format=layout)
    flops = 2 * batch * channels * channels * 9 * side * side
    return flops / best_seconds(lambda: F.conv2d(x, weight, padding=1), _SECONDS)


def best_seconds(work: Callable[[], object], budget: float) -> float:
    """Return the shortest time (s) of a piece of work, repeated for about `budget` seconds."""
    work()
    best, end = float("inf"), time.perf_counter() + budget
    while time.perf_counter() < end or best == float("inf"):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


def count_flops(work: Callable[[], object]) -> int:
    """Return the floating-point operations of convolutions and matrix products in some work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()
