"""How good a net is on photos it never trained on: content, style and structural similarity."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.loss.distances import StyleTarget, content_distance, distances
from trainer.loss.halos import halo
from trainer.loss.holes import blank_of, dead_share
from trainer.loss.luma import luma
from trainer.loss.network import LossNetwork
from worker.net import TransformNet
from worker.net.grain import paint


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over held-out photos; content and style are distances, SSIM a similarity (1 best)."""

    content: float
    style: float
    ssim: float
    #: Content distance over that to another photo: 0 is the photo itself, and at 1 the painting
    #: could as well be one of the other photo. Content distance alone depends on the painting,
    #: whose strokes take a picture away from all photos alike. 0 where there is only one photo.
    lost: float
    #: Share of a painting, 0..1, that is dead (`holes.dead_share`): of the worst of all photos.
    dead: float = 0.0
    #: By how much the rims of edges overshoot in flat areas (`halos.halo`), 0..1 of light.
    halo: float = 0.0


@torch.no_grad()
def measure(
    net: TransformNet,
    photos: Sequence[Tensor],
    network: LossNetwork,
    target: StyleTarget,
    contents: Sequence[tuple[Tensor, ...]] | None = None,
) -> Measured:
    """Stylize photos, each (1, 3, H, W) 0..1 with sides of at least 32, and measure the results.

    `contents` are the photos' own, where they are known.
    """
    painted = [paint(net, photo) for photo in photos]
    contents = contents or [network.content(photo) for photo in photos]
    seen = [network(picture) for picture in painted]
    of_own = [distances(s, own, target) for s, own in zip(seen, contents, strict=True)]
    others = [*contents[1:], contents[0]]
    content = fmean(d.content.item() for d in of_own)
    of_others = fmean(_shared(s.content, o) for s, o in zip(seen, others, strict=True))
    blank = blank_of(net)
    known = len(photos) > 1 and of_others > 0
    return Measured(
        content=content,
        style=fmean(d.style.item() for d in of_own),
        ssim=fmean(ssim(p, photo).item() for p, photo in zip(painted, photos, strict=True)),
        lost=content / of_others if known else 0.0,
        dead=max(dead_share(p, blank) for p in painted),
        halo=fmean(halo(p, photo) for p, photo in zip(painted, photos, strict=True)),
    )


def _shared(painted: Sequence[Tensor], photo: Sequence[Tensor]) -> float:
    """Content distance over the part that pictures of different sizes have in common."""
    parts = [_common(ours, own) for ours, own in zip(painted, photo, strict=True)]
    return content_distance([ours for ours, _ in parts], [own for _, own in parts]).item()


def _common(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    height, width = (min(a.shape[side], b.shape[side]) for side in (2, 3))
    part = (..., slice(height), slice(width))
    return a[part], b[part]


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of luma, both (1, 3, H, W) 0..1, sides of at least 11: scalar.

    Wang, Bovik, Sheikh and Simoncelli (2004): Gaussian window 11×11, sigma 1.5.
    """
    x, y = luma(a), luma(b)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    cov = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * cov + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return similarity.mean()


def _blur(x: Tensor) -> Tensor:
    steps = torch.arange(11, dtype=x.dtype, device=x.device) - 5
    bell = torch.exp(-(steps**2) / (2 * 1.5**2))
    bell = bell / bell.sum()
    return F.conv2d(F.conv2d(x, bell.view(1, 1, 1, 11)), bell.view(1, 1, 11, 1))
