"""Ways to run the same training step faster: layout, compilation, half precision.

Each changes rounding alone. The trainer's own numerics are fixed for what is already published,
so these are measured as options: the modules returned here fit into the trainer's loop as they are.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from trainer.lossnet import Features, LossNetwork
from worker.net import TransformNet


@dataclass(frozen=True, slots=True)
class Speed:
    """Which options are on."""

    channels_last: bool = False
    compiled: bool = False
    #: Convolutions in bfloat16; statistics, Gram matrices, losses and weights stay float32.
    half: bool = False

    def __str__(self) -> str:
        names = {
            "channels-last": self.channels_last,
            "bfloat16": self.half,
            "compiled": self.compiled,
        }
        return ", ".join(name for name, on in names.items() if on) or "as published"


class _HalfNet(nn.Module):
    """A net whose convolutions run in bfloat16."""

    def __init__(self, net: TransformNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.net(photo).float()


class _HalfLossNetwork(nn.Module):
    """A loss network whose convolutions run in bfloat16."""

    def __init__(self, network: LossNetwork) -> None:
        super().__init__()
        self.network = network

    def content(self, picture: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.network.content(picture).float()

    def forward(self, picture: Tensor) -> Features:
        with torch.autocast("cpu", torch.bfloat16):
            seen = self.network(picture)
        return Features(
            seen.content.float(), {name: seen.style[name].float() for name in seen.style}
        )


def quicken(
    net: TransformNet, network: LossNetwork, speed: Speed
) -> tuple[TransformNet, LossNetwork]:
    """Return modules that do the same faster; the net's own weights are the ones that learn."""
    if speed.channels_last:
        for module in (net, network):
            module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    painter: nn.Module = _HalfNet(net) if speed.half else net
    judge: nn.Module = _HalfLossNetwork(network) if speed.half else network
    if speed.compiled:
        # The jitter shows the loss network 64 sizes, too many to compile each; the net sees one.
        painter = cast(nn.Module, torch.compile(painter, dynamic=False))
    return cast(TransformNet, painter), cast(LossNetwork, judge)
