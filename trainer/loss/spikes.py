"""Spikes: features that run away in one place, and leave a pale or dark blot there.

Instance norm divides by what a channel does over the whole picture. A net learns to exploit that:
it lets a channel grow without bound in a small flat area, which makes all else in it small (Karras
et al., 2020, call the blots droplets). In nets whose pictures have them, kurtosis (the fourth
moment over the square of the second; 3 for a normal distribution) is up to 100 in the last layers,
where it is about 30 in others.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.net import TransformNet

#: Kurtosis from which features count as spiky.
USUAL: Final = 15.0


def spiky(features: Tensor) -> Tensor:
    """Return by how much the kurtosis of (B, C, H, W) is beyond the usual: mean over channels.

    A scalar, 0 where no channel is spiky, 1 where all have twice what is usual.
    """
    off = features - features.mean((2, 3), keepdim=True)
    spread = off.square().mean((2, 3)).clamp(min=1e-8)
    kurtosis = off.pow(4).mean((2, 3)) / spread.square()
    return (F.relu(kurtosis - USUAL) / USUAL).mean()


@contextmanager
def watched(painters: Sequence[Callable[[Tensor], Tensor]]) -> Generator[list[Tensor]]:
    """Collect `spiky` of the late layers of transform nets, while they paint."""
    seen: list[Tensor] = []

    def look(_layer: nn.Module, _given: object, features: Tensor) -> None:
        seen.append(spiky(features))

    nets = {id(net): net for net in painters if isinstance(net, TransformNet)}
    hooks = [norm.register_forward_hook(look) for net in nets.values() for norm in _late(net)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def mean_of(seen: Sequence[Tensor]) -> Tensor:
    """Return the mean of what was collected; 0 of nothing."""
    return torch.stack(list(seen)).mean() if seen else torch.zeros(())


def _late(net: TransformNet) -> list[nn.Module]:
    blocks = [block.get_submodule("second.norm") for block in net.blocks]
    return [*blocks, *(up.get_submodule("norm") for up in net.up)]
