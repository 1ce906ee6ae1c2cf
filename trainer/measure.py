"""How good a net is on photos it never trained on: content, style and structural similarity."""

from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.losses import StyleTarget, distances
from trainer.lossnet import LossNetwork
from worker.net import TransformNet

#: Luma weights of ITU-R BT.601 for red, green and blue.
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over held-out photos; content and style are distances, SSIM a similarity (1 best)."""

    content: float
    style: float
    ssim: float


@torch.no_grad()
def measure(
    net: TransformNet, photos: list[Tensor], network: LossNetwork, target: StyleTarget
) -> Measured:
    """Stylize photos, each (1, 3, H, W) 0..1 with sides of at least 32, and measure the results."""
    net.eval()
    painted = [net(photo) for photo in photos]
    seen = [
        distances(network(p), network.content(photo), target)
        for p, photo in zip(painted, photos, strict=True)
    ]
    return Measured(
        content=fmean(d.content.item() for d in seen),
        style=fmean(d.style.item() for d in seen),
        ssim=fmean(ssim(p, photo).item() for p, photo in zip(painted, photos, strict=True)),
    )


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of luma, both (1, 3, H, W) 0..1, sides of at least 11: scalar.

    Wang, Bovik, Sheikh and Simoncelli (2004): Gaussian window 11×11, sigma 1.5.
    """
    x, y = _luma(a), _luma(b)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    cov = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * cov + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return similarity.mean()


def _luma(picture: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, dtype=picture.dtype, device=picture.device).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)


def _blur(x: Tensor) -> Tensor:
    steps = torch.arange(11, dtype=x.dtype, device=x.device) - 5
    bell = torch.exp(-(steps**2) / (2 * 1.5**2))
    bell = bell / bell.sum()
    return F.conv2d(F.conv2d(x, bell.view(1, 1, 1, 11)), bell.view(1, 1, 11, 1))
