"""The training loop of one stage: set up, then step by step.

A stage starts from the published (float16) weights of the one before it, with a fresh optimiser
and its own place in the corpus. Its file and the seed are therefore all that is needed to
continue behind it, or to repeat it bit for bit.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.corpus import CropSampler
from trainer.losses import StyleTarget, distances, pixel_distance
from trainer.lossnet import LossNetwork
from trainer.pace import FixedPace, Pace
from trainer.schedule import Stage
from worker.net import TransformNet

#: Rows and columns (exclusive) that a step may hide from the loss network: the least common
#: multiple of the first strides of all loss networks and of the net.
JITTER = 8

#: Adam's moments of each weight, as PyTorch names them.
MOMENTS: Final = ("exp_avg", "exp_avg_sq")


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

    def total(self, ratio: float) -> float:
        """Return both as one number, as `Distances.total` does."""
        return (self.content + ratio * self.style) / (1 + ratio)


class StageTrainer:
    """Trains a net through one stage; `step` until `done`.

    `rate_scale` makes every step of the stage smaller. Weights without a gradient stay as they
    are.
    """

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
        pace: Pace | None = None,
        rate_scale: float = 1.0,
    ) -> None:
        self._net = net.train()
        self._loss_network = loss_network
        self._target = target
        self._stage = stage
        self._recipe = recipe
        self._identity = recipe.identity * lowest_ratio / stage.ratio / (1 + stage.ratio)
        self._learning = {name: p for name, p in net.named_parameters() if p.requires_grad}
        self._optimizer = torch.optim.Adam(self._learning.values(), lr=recipe.peak_rate)
        self._sampler = sampler
        self._batches: Generator[Tensor] | None = None
        self._first_photo = first_photo
        self._pace = pace or FixedPace(stage, peak=recipe.peak_rate, floor=recipe.floor_rate)
        self._rate_scale = rate_scale
        self.iteration = 0

    @property
    def done(self) -> bool:
        """Whether the stage has had all its iterations."""
        return self._pace.ended(self.iteration)

    def step(self) -> StepLoss:
        """Train on one batch and return its distances before the step."""
        photo = self._next_batch()  # (B, 3, S, S), 0..1
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
        measured = StepLoss(seen.content.mean().item(), seen.style.mean().item())
        self._pace.observe(measured.total(self._stage.ratio))
        return measured

    def state(self) -> dict[str, Tensor]:
        """Return what is learned so far: each weight that learns, and Adam's moments of it.

        The tensors are the trainer's own: the next step changes them.
        """
        state = {f"net.{name}": weight.detach() for name, weight in self._learning.items()}
        for name, weight in self._learning.items():
            if moments := self._optimizer.state.get(weight):
                state |= {f"{kind}.{name}": moments[kind] for kind in MOMENTS}
        return state

    def restore(self, state: Mapping[str, Tensor], losses: Iterable[StepLoss]) -> None:
        """Continue behind `losses`, the stage's so far, from what `state` returned then.

        The next step is then the same, bit for bit. Raises KeyError where `state` lacks a weight.
        """
        for loss in losses:
            self._pace.observe(loss.total(self._stage.ratio))
            self.iteration += 1
        with torch.no_grad():
            for name, weight in self._learning.items():
                weight.copy_(state[f"net.{name}"])
                if self.iteration:
                    self._optimizer.state[weight] = self._moments(name, state)

    def _moments(self, name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        moments = {kind: state[f"{kind}.{name}"].clone() for kind in MOMENTS}
        return {"step": torch.tensor(float(self.iteration)), **moments}

    def close(self) -> None:
        """End the threads that decode ahead; the trainer can still go on."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def _next_batch(self) -> Tensor:
        if self._batches is None:
            position = self._first_photo + self.iteration * self._recipe.batch
            self._batches = self._sampler.batches(position, self._recipe.batch)
        return next(self._batches)

    def _jitter(self) -> tuple[int, int]:
        """Pick how many rows and columns the loss network does not see this time.

        Loss networks take strides. Were they always to fall on the same pixels of the net's own
        grid, the net would learn to please them with a pattern of that grid.
        """
        random = np.random.default_rng([self._recipe.seed, 2, self._first_photo, self.iteration])
        top, left = random.integers(JITTER, size=2)
        return int(top), int(left)

    def _set_rate(self) -> None:
        rate = self._pace.rate(self.iteration) * self._rate_scale
        for group in self._optimizer.param_groups:
            group["lr"] = rate


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (B, 3, H, W) → scalar."""
    across = F.l1_loss(picture[..., 1:], picture[..., :-1])
    down = F.l1_loss(picture[..., 1:, :], picture[..., :-1, :])
    return across + down
