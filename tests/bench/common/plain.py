"""Training as tutorials write it: squared errors, eager, default layout, PIL in the loop.

After Johnson et al. (2016) and the example in PyTorch's own repository. Deliberately independent
of the trainer's loop, which it is measured against.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from trainer.data.corpus import read_picture
from trainer.loss.distances import StyleTarget
from trainer.loss.network import Features, LossNetwork
from trainer.schedule.learning_rate import learning_rate
from trainer.training.context import CORPUS_SIDE, TrainingContext
from worker.net import TransformNet

#: Photos whose features set the scale between the two plain losses.
SCALE_PHOTOS = 8


def plain_gram(features: Tensor) -> Tensor:
    """Return (B, C, H, W) → (B, C, C), averaged over positions."""
    flat = features.flatten(2)
    return torch.bmm(flat, flat.transpose(1, 2)) / flat.shape[2]


def plain_losses(painted: Features, photo: Features, target: StyleTarget) -> tuple[Tensor, Tensor]:
    """Return content loss (mean squared errors) and style loss, both summed over layers, scalars.

    Gram matrices are averaged over positions and divided by their channels, as Johnson et al. do.
    """
    pairs = zip(painted.content, photo.content, strict=True)
    content = torch.stack([F.mse_loss(ours, own) for ours, own in pairs]).sum()
    style = torch.stack(
        [
            ((plain_gram(f) - target.grams[name]) / f.shape[1]).square().sum((1, 2)).mean()
            for name, f in painted.style.items()
        ]
    ).sum()
    return content, style


@torch.no_grad()
def plain_scale(network: LossNetwork, photos: list[Tensor], target: StyleTarget) -> float:
    """Return the plain style weight that a dimensionless ratio of 1 comes nearest to.

    Plain losses have no scale of their own: a fixed weight means other things for another
    painting and loss network. Energy over energy makes the two kinds of training comparable.
    """
    energy = [
        sum(seen.square().mean().item() for seen in network(photo).content)
        for photo in photos[:SCALE_PHOTOS]
    ]
    style = sum((grams / grams.shape[0]).square().sum().item() for grams in target.grams.values())
    return sum(energy) / len(energy) / style


class PlainTrainer:
    """A stage with plain losses: content + ratio * scale * style, Adam, no jitter, no extras."""

    def __init__(self, *, context: TrainingContext, stage: int, net: TransformNet) -> None:
        schedule, hyperparameters = context.config.schedule, context.config.hyperparameters
        self._net, self._network = net.train(), context.loss_network
        self._target, self._hyperparameters = context.target, hyperparameters
        self._stage = schedule.stages[stage]
        self._peak = hyperparameters.peak(stage)
        scale = plain_scale(context.loss_network, context.held_out, context.target)
        self._weight = self._stage.ratio * scale
        self._optimizer = torch.optim.Adam(net.parameters(), lr=self._peak)
        before = sum(s.iterations for s in schedule.stages[:stage])
        self._batches = context.sampler.batches(
            before * hyperparameters.batch, hyperparameters.batch
        )
        self.iteration = 0

    @property
    def done(self) -> bool:
        """Whether the stage has had all its iterations."""
        return self.iteration >= self._stage.iterations

    def close(self) -> None:
        """End the threads that decode ahead."""
        self._batches.close()

    def step(self) -> None:
        """Train on one batch."""
        photo = next(self._batches)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(
                self.iteration,
                self._stage.iterations,
                peak=self._peak,
                floor=self._hyperparameters.floor_rate,
            )
        plain_step(self._net, self._network, self._target, photo, self._weight, self._optimizer)
        self.iteration += 1


def plain_step(
    net: TransformNet,
    network: LossNetwork,
    target: StyleTarget,
    photo: Tensor,
    weight: float,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Take one step on a batch, (B, 3, S, S), as tutorials do."""
    optimizer.zero_grad()
    painted = net(photo)
    content, style = plain_losses(network(painted), network(photo), target)
    (content + weight * style).backward()
    optimizer.step()


class PlainLoader:
    """Opens, shrinks and crops each photo when its turn comes, on the training's own thread."""

    def __init__(self, paths: list[Path], *, crop: int, seed: int = 0) -> None:
        self._paths = paths
        self._crop = crop
        self._random = np.random.default_rng(seed)

    def batch(self, size: int) -> Tensor:
        """Return (B, 3, crop, crop) float 0..1, channels first in memory."""
        crops = [self._one() for _ in range(size)]
        return torch.stack(crops)

    def _one(self) -> Tensor:
        photo = read_picture(self._paths[self._random.integers(len(self._paths))], CORPUS_SIDE)
        top = self._random.integers(photo.shape[0] - self._crop + 1)
        left = self._random.integers(photo.shape[1] - self._crop + 1)
        crop = Image.fromarray(photo).crop((left, top, left + self._crop, top + self._crop))
        return torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1).contiguous().float() / 255
