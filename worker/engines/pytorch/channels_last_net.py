"""A form of the net that keeps channels last in memory in every layer.

A GPU's half-precision convolutions need that layout. PyTorch's reflection padding, instance norm
and pixel shuffle return the other one, and each next convolution would convert it back.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.engines.pytorch.channels_last import padded
from worker.net import ConvNorm, InstanceNorm, PaintConv, ResizeUp, TransformNet, TransposeUp


def channels_last_net(net: TransformNet, dtype: torch.dtype) -> TransformNet:
    """Convert a net in place to one that computes the same in this layout, and return it.

    Convolutions calculate in `dtype`; statistics, scales and shifts stay float32.
    """
    for module in list(net.modules()):
        if isinstance(module, ConvNorm | ResizeUp):
            module.add_module("conv", _Conv(module.conv))
        if isinstance(module, ConvNorm | ResizeUp | TransposeUp):
            module.add_module("norm", _Norm(module.norm))
    net.up = nn.ModuleList([_Up(up) if isinstance(up, ResizeUp) else up for up in net.up])
    net.add_module("paint", _Conv(net.paint))
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(dtype, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return net


class _Conv(nn.Module):
    """A convolution padded by reflection."""

    def __init__(self, conv: nn.Conv2d | PaintConv) -> None:
        super().__init__()
        # A plain one, so that the padding is done once, and here.
        plain = nn.utils.skip_init(
            nn.Conv2d,
            conv.in_channels,
            conv.out_channels,
            cast("tuple[int, int]", conv.kernel_size),
            cast("tuple[int, int]", conv.stride),
            bias=conv.bias is not None,
        )
        self.conv = cast("nn.Conv2d", plain)
        self.conv.weight, self.conv.bias = conv.weight, conv.bias

    def forward(self, x: Tensor) -> Tensor:
        reach = self.conv.kernel_size[0] // 2
        return self.conv(padded(x, (reach, reach, reach, reach), "reflect"))


class _Up(nn.Module):
    """Nearest-neighbour doubling, then a convolution: on a GPU the phases are not worth it."""

    def __init__(self, up: ResizeUp) -> None:
        super().__init__()
        self.conv, self.norm = up.conv, up.norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(F.interpolate(x, scale_factor=2, mode="nearest")))


class _Norm(nn.Module):
    """Instance norm in three passes: two read for the statistics, one reads and writes.

    Sums are added up in float32 from what is read, without a copy of the picture in float32.
    """

    def __init__(self, norm: InstanceNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.scale = nn.Parameter(norm.scale.detach().reshape(1, -1, 1, 1), requires_grad=False)
        self.shift = nn.Parameter(norm.shift.detach().reshape(1, -1, 1, 1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True, dtype=torch.float32)
        length = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True, dtype=torch.float32)
        variance = length.square() / (x.shape[2] * x.shape[3]) - mean.square()
        gain = self.scale * (variance.clamp(min=0) + self.eps).rsqrt()
        return torch.addcmul(self.shift - mean * gain, x, gain, out=torch.empty_like(x))
