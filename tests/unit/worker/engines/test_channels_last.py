"""Padding and phases are PyTorch's own, numbers and all, with channels last."""

import pytest
import torch
from torch.nn import functional as F

from worker.engines.pytorch.channels_last import PadMode, interleaved, padded

LAST = torch.channels_last
SIDES = ((0, 0, 0, 0), (1, 0, 0, 2), (0, 3, 4, 0), (4, 5, 3, 1))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "constant"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("batch", [1, 2])
def test_padding(mode: PadMode, sides: tuple[int, int, int, int], batch: int) -> None:
    x = torch.rand(batch, 3, 6, 7).to(memory_format=LAST)
    made = padded(x, sides, mode)
    assert torch.equal(made, F.pad(x, sides, mode))
    assert made.is_contiguous(memory_format=LAST)


@pytest.mark.parametrize("rows", [slice(0, 10), slice(1, 9), slice(3, 4)])
@pytest.mark.parametrize("columns", [slice(12), slice(2, 11), slice(11, 12)])
def test_phases(rows: slice, columns: slice) -> None:
    """PyTorch's own wants the phases of one channel together."""
    phases = torch.rand(2, 8, 5, 6).to(memory_format=LAST)
    together = phases.unflatten(1, (4, 2)).transpose(1, 2).flatten(1, 2)
    made = interleaved(phases, rows, columns)
    assert torch.equal(made, F.pixel_shuffle(together, 2)[..., rows, columns])
    assert made.is_contiguous(memory_format=LAST)
