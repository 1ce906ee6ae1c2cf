"""The training loss: content and style distance, and terms that keep a picture clean."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from infra.jobs.domain.schedule import Stage
from trainer.compute.arithmetic import EXACT, Arithmetic
from trainer.loss.distances import StyleTarget, content_distance, distances, pixel_distance
from trainer.loss.network import LossNetwork
from trainer.loss.spikes import SpikeWatch, watched
from worker.net.grain import PERIOD, grained

#: Rows and columns (exclusive) that a step may hide from the loss network: the least common
#: multiple of the first strides of all loss networks and of the net.
JITTER: Final = 8
#: Weight of the squared distance by which a joint training's pictures leave 0..1.
BEYOND: Final = 2.0
#: Kurtosis from which a joint training's features count as spiky. From `spikes.USUAL` on, its nets
#: still left a pale blot in the brightest place of a photo: medians were 11 in the last blocks and
#: 20 in the last layer. What is best for one net alone was not measured again.
JOINT_USUAL: Final = 6.0
#: Weight of how far a joint training's last features are pressed below zero (`spikes.pressed`).
PRESSED: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """Numbers that decide how a net learns, the same through all stages of a training."""

    #: Photos in one step.
    batch: int = 4
    #: Side of the square crops, pixels.
    crop: int = 192
    #: Adam's highest and lowest learning rate within a stage.
    peak_rate: float = 1e-3
    floor_rate: float = 3e-5
    #: Weight of total variation, the mean absolute step between neighbouring pixels (0..1).
    smoothness: float = 0.0
    #: Weight of pixel distance beside content distance at the schedule's lowest ratio. It keeps
    #: colours, which content features hardly see, and fades as the ratio rises. At 1 the first
    #: stage's content distance was not the lowest of all: 0.330, and 0.297 in the stage after it.
    identity: float = 0.1
    #: Weight of how spiky a net's late features are (`spikes.spiky`).
    spikes: float = 0.1
    seed: int = 1
    #: Adam's highest learning rate in all stages but the first. They begin with a trained net, and
    #: at the full rate may leave it so far that nets between the two are worse than either:
    #: content distance 0.260 at water-lilies' stage 0, 0.338 at stage 1 and 0.420 halfway. At half
    #: the rate it was 0.275, 0.327 and 0.295 (eight photos).
    later_rate: float = 5e-4

    def peak(self, stage: int) -> float:
        """Return Adam's highest learning rate in a stage, counted from 0."""
        return self.later_rate if stage else self.peak_rate


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Mean content and style distance of one step's batch."""

    content: float
    style: float

    def total(self, ratio: float) -> float:
        """Return both as one number, as `Distances.total` does."""
        return (self.content + ratio * self.style) / (1 + ratio)


class Objective:
    """The training loss of one stage, which begins at image position `first_photo`.

    Photos are painted under `grain`, and compared with as they are. Where the painter's late layers
    are watched, it is held back from spikes.
    """

    def __init__(
        self,
        loss_network: LossNetwork,
        hyperparameters: Hyperparameters,
        stage: Stage,
        *,
        lowest_ratio: float,
        first_photo: int,
        grain: float = 0.0,
        arithmetic: Arithmetic = EXACT,
        watch: SpikeWatch | None = None,
    ) -> None:
        self._arithmetic = arithmetic
        self._watch = watch
        self._grain = grain
        self._loss_network = loss_network
        self._hyperparameters = hyperparameters
        self._ratio = stage.ratio
        self._first_photo = first_photo
        self._identity = hyperparameters.identity * lowest_ratio / stage.ratio / (1 + stage.ratio)

    def __call__(
        self,
        painter: Callable[[Tensor], Tensor],
        target: StyleTarget,
        photo: Tensor,
        iteration: int,
    ) -> tuple[Tensor, StepLoss]:
        """Paint a batch, (B, 3, S, S) 0..1: return the loss, a scalar, and the batch's distances.

        The iteration alone decides how the loss network's view is shifted, and where grain lies.
        """
        top, left = _jitter([self._hyperparameters.seed, 2, self._first_photo, iteration])
        with self._arithmetic.convolving(photo.device), self._watch or nullcontext():
            painted = painter(self._under_grain(photo, iteration)).float()
            seen_photo = self._loss_network.content(photo[..., top:, left:])
            seen_painted = self._loss_network(painted[..., top:, left:])
        seen = distances(seen_painted, seen_photo, target)
        loss = seen.total(self._ratio)
        loss = loss + self._identity * pixel_distance(painted, photo).mean()
        loss = loss + self._hyperparameters.smoothness * total_variation(painted)
        if self._watch:
            loss = loss + self._hyperparameters.spikes * self._watch.spikiness()
        return loss, StepLoss(seen.content.mean().item(), seen.style.mean().item())

    def _under_grain(self, photo: Tensor, iteration: int) -> Tensor:
        seeds = [self._hyperparameters.seed, 4, self._first_photo, iteration]
        return _under_grain(photo, self._grain, seeds)


class JointObjective:
    """The training loss of a batch whose crops have paintings of their own.

    The loss network sees what a viewer will: values outside 0..1 are cut off, while their
    gradients go on, and a term beside it draws them back. Others hold features back from
    running away, and from being pressed below zero. Photos are painted under `grain`.
    """

    def __init__(
        self,
        loss_network: LossNetwork,
        hyperparameters: Hyperparameters,
        *,
        ratio: float,
        lowest_ratio: float,
        grain: float = 0.0,
    ) -> None:
        self._grain = grain
        self._loss_network = loss_network
        self._hyperparameters = hyperparameters
        self._ratio = ratio
        self._identity = hyperparameters.identity * lowest_ratio / ratio / (1 + ratio)

    def __call__(
        self,
        painters: Sequence[Callable[[Tensor], Tensor]],
        targets: Sequence[StyleTarget],
        photo: Tensor,
        position: int,
    ) -> tuple[Tensor, StepLoss]:
        """Paint (B, 3, S, S) 0..1, each crop by its own painter: return loss and mean distances.

        The batch's image position alone decides how the loss network's view is shifted, and where
        grain lies.
        """
        top, left = _jitter([self._hyperparameters.seed, 2, position])
        crops = _under_grain(photo, self._grain, [self._hyperparameters.seed, 4, position]).split(1)
        with watched(painters, JOINT_USUAL) as watch:
            painted = torch.cat([paint(crop) for paint, crop in zip(painters, crops, strict=True)])
        shown = painted + (painted.clamp(0, 1) - painted).detach()
        seen_photo = self._loss_network.content(photo[..., top:, left:])
        seen = self._loss_network(shown[..., top:, left:])
        content = content_distance(seen.content, seen_photo).mean()
        style = torch.cat(
            [
                target.distance({name: found[index, None] for name, found in seen.style.items()})
                for index, target in enumerate(targets)
            ]
        ).mean()
        beyond = (painted - shown.detach()).square().mean()
        loss = (content + self._ratio * style) / (1 + self._ratio) + BEYOND * beyond
        loss = loss + self._identity * pixel_distance(painted, photo).mean()
        loss = loss + self._hyperparameters.spikes * watch.spikiness() + PRESSED * watch.pressed()
        loss = loss + self._hyperparameters.smoothness * total_variation(painted)
        return loss, StepLoss(content.item(), style.item())


def _under_grain(photo: Tensor, grain: float, seeds: Sequence[int]) -> Tensor:
    """Lay a grain on a batch, on each crop as if it were cut from anywhere of a photo."""
    if not grain:
        return photo
    places = np.random.default_rng(seeds).integers(PERIOD, size=(len(photo), 2))
    return grained(photo, grain, places.tolist())


def _jitter(seeds: Sequence[int]) -> tuple[int, int]:
    """Draw how many rows and columns the loss network does not see this time.

    Loss networks take strides. Were they always to fall on the same pixels of the net's own
    grid, the net would learn to please them with a pattern of that grid.
    """
    top, left = np.random.default_rng(seeds).integers(JITTER, size=2)
    return int(top), int(left)


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, (B, 3, H, W) → scalar."""
    across = F.l1_loss(picture[..., 1:], picture[..., :-1])
    down = F.l1_loss(picture[..., 1:, :], picture[..., :-1, :])
    return across + down
