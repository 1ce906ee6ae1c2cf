"""The training loop of one stage: set up, then step by step.

A stage starts from the published (float16) weights of the one before it, with a fresh optimiser
and its own place in the corpus. Its file and the seed are therefore all that is needed to
continue behind it, or to repeat it bit for bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.corpus import CropSampler
from trainer.losses import StyleTarget, distances, pixel_distance
from trainer.lossnet import LossNetwork
from trainer.schedule import Stage, learning_rate
from worker.net import TransformNet

#: Rows and columns (exclusive) that a step may hide from the loss network: the least common
#: multiple of the first strides of all loss networks and of the net.
JITTER = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """What stays the same through all stages of a training."""

    #: Photos in one step.
    batch: int = 4
    #: Side of the square crops, pixels.
    crop: int = 192
    #: Adam's highest and lowest learning rate within a stage.
    peak_rate: float = 1e-3
    floor_rate: float = 1e-4
    #: Weight of total variation, the mean absolute step between neighbouring pixels (0..1).
    smoothness: float = 0.0
    #: Weight of pixel distance beside content distance at the schedule's lowest ratio. It makes
    #: the first stage a true identity, and fades as the ratio rises: it would hold back colour.
    identity: float = 1.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Mean content and style distance of one step's batch."""

    content: float
    style: float


class StageTrainer:
    """Trains a net through one stage; `step` until `done`."""

    def __init__(
        self,
        *,
        net: TransformNet,
        loss_network: LossNetwork,
        target: StyleTarget,
        sampler: CropSampler,
        stage: Stage,
        recipe: Recipe,
        lowest_ratio: float,
        first_photo: int,
    ) -> None:
        self._net = net.train()
        self._loss_network = loss_network
        self._target = target
        self._stage = stage
        self._recipe = recipe
        self._identity = recipe.identity * lowest_ratio / stage.ratio / (1 + stage.ratio)
        self._optimizer = torch.optim.Adam(net.parameters(), lr=recipe.peak_rate)
        self._batches: Iterator[Tensor] = sampler.batches(first_photo, recipe.batch)
        self._first_photo = first_photo
        self.iteration = 0

    @property
    def done(self) -> bool:
        """Whether the stage has had all its iterations."""
        return self.iteration >= self._stage.iterations

    def step(self) -> StepLoss:
        """Train on one batch and return its distances before the step."""
        photo = next(self._batches)  # (B, 3, S, S), 0..1
        self._set_rate()
        painted = self._net(photo)
        top, left = self._jitter()
        with torch.no_grad():
            seen_photo = self._loss_network(photo[..., top:, left:])
        seen = distances(self._loss_network(painted[..., top:, left:]), seen_photo, self._target)
        loss = seen.total(self._stage.ratio)
        loss = loss + self._identity * pixel_distance(painted, photo).mean()
        loss = loss + self._recipe.smoothness * total_variation(painted)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self.iteration += 1
        return StepLoss(seen.content.mean().item(), seen.style.mean().item())

    def _jitter(self) -> tuple[int, int]:
        """Pick how many rows and columns the loss network does not see this time.

        Loss networks take strides. Were they always to fall on the same pixels of the net's own
        grid, the net would learn to please them with a pattern of that grid.
        """
        random = np.random.default_rng([self._recipe.seed, 2, self._first_photo, self.iteration])
        top, left = random.integers(JITTER, size=2)
        return int(top), int(left)

    def _set_rate(self) -> None:
        rate = learning_rate(
            self.iteration,
            self._stage.iterations,
            peak=self._recipe.peak_rate,
            floor=self._recipe.floor_rate,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (B, 3, H, W) → scalar."""
    across = F.l1_loss(picture[..., 1:], picture[..., :-1])
    down = F.l1_loss(picture[..., 1:, :], picture[..., :-1, :])
    return across + down
