"""Dimensionless content and style distances.

Johnson et al. (2016) compare features and Gram matrices by squared error, whose size depends on
the loss network, the layer and the painting. Here each is divided by the energy of what it is
compared with, so 0 is equal, about 1 is unrelated, and a style:content ratio means the same for
every painting and every loss network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from trainer.loss.network import Features, LossNetwork


def gram(features: Tensor) -> Tensor:
    """Return channel correlations: (B, C, H, W) → (B, C, C), averaged over positions."""
    positions = features.permute(0, 2, 3, 1).flatten(1, 2)  # no copy where channels come last
    return _Correlations.apply(positions) / positions.shape[1]  # pyright: ignore[reportReturnType]


class _Correlations(torch.autograd.Function):
    """Products of a matrix with itself, (B, N, C) → (B, C, C), their gradient in one product.

    Autograd does not see that both factors are the same, and takes two.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, positions: Tensor) -> Tensor:
        ctx.save_for_backward(positions)
        return torch.bmm(positions.transpose(1, 2), positions)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Tensor:
        (positions,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        (grad,) = grads
        return torch.bmm(positions, grad + grad.transpose(1, 2))


def content_distance(painted: Sequence[Tensor], photo: Sequence[Tensor]) -> Tensor:
    """Squared distance of feature maps over the photo's own energy, mean of layers.

    Each layer (B, C, H, W), twice → (B,).
    """
    terms = [
        (ours - own).square().flatten(1).sum(1) / own.square().flatten(1).sum(1)
        for ours, own in zip(painted, photo, strict=True)
    ]
    return torch.stack(terms).mean(0)


def pixel_distance(painted: Tensor, photo: Tensor) -> Tensor:
    """Squared distance of pixels over the photo's own variance: (B, 3, H, W)² → (B,)."""
    difference = (painted - photo).square().flatten(1).mean(1)
    # A photo of one colour has no variance; a step of 1/255 then counts as much as its square.
    return difference / (photo.flatten(2).var(2, unbiased=False).mean(1) + 1e-3)


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """A painting as style losses see it: a Gram matrix (C, C) a style layer."""

    grams: dict[str, Tensor]

    def distance(self, style: dict[str, Tensor]) -> Tensor:
        """Mean over layers of the Gram distance over the painting's Gram energy: → (B,)."""
        terms = [
            (gram(features) - self.grams[name]).square().sum((1, 2))
            / self.grams[name].square().sum()
            for name, features in style.items()
        ]
        return torch.stack(terms).mean(0)


def style_target(network: LossNetwork, painting: Tensor) -> StyleTarget:
    """Measure a painting, (1, 3, H, W) sRGB 0..1."""
    with torch.no_grad():
        return StyleTarget({n: gram(f)[0] for n, f in network(painting).style.items()})


@dataclass(frozen=True, slots=True)
class Distances:
    """Content and style distance of a batch, each (B,), dimensionless."""

    content: Tensor
    style: Tensor

    def total(self, ratio: float) -> Tensor:
        """Return the training loss, a scalar: content + ratio * style, divided by 1 + ratio.

        The division keeps the loss's size, and with it a sensible learning rate, the same for
        every ratio.
        """
        return (self.content + ratio * self.style).mean() / (1 + ratio)


def distances(painted: Features, photo: Sequence[Tensor], target: StyleTarget) -> Distances:
    """Compare stylized photos with the content features of the photos and with the painting."""
    return Distances(
        content=content_distance(painted.content, photo),
        style=target.distance(painted.style),
    )
