"""The transform net computed layer by layer, as papers write it: what engines are held to."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.bench.common.peak import count_flops
from worker.net import NetConfig, ResizeUp, TransformNet


class _PlainUp(nn.Module):
    """Doubles, then convolves: two steps of their own, the doubled picture between them."""

    def __init__(self, up: ResizeUp) -> None:
        super().__init__()
        self.conv, self.norm = up.conv, up.norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(F.interpolate(x, scale_factor=2, mode="nearest")))


def plain_net(config: NetConfig) -> TransformNet:
    """Return an untrained net whose layers are computed one by one, as they are written."""
    net = TransformNet(config).train()
    net.up = nn.ModuleList([_PlainUp(up) for up in net.up if isinstance(up, ResizeUp)])
    net.paint = nn.Conv2d(config.width, 3, 9, 1, 4, padding_mode="reflect")  # pyright: ignore[reportAttributeAccessIssue]
    return net


def written_plainly(net: TransformNet) -> TransformNet:
    """Return a net of the same weights, computed layer by layer."""
    plain = plain_net(net.config)
    plain.load_state_dict(net.state_dict())
    return plain.eval()


@torch.no_grad()
def flops_of(net: TransformNet, size: tuple[int, int]) -> float:
    """Return the plain net's floating-point operations for a photo, counted on a small one."""
    plain, side = written_plainly(net), 64
    counted = count_flops(lambda: plain(torch.zeros(1, 3, side, side)))
    return counted / side**2 * size[0] * size[1]
