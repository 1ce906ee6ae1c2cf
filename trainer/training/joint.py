"""Several paintings learned at once by one net: shared convolutions, norms for every stage of each.

Conditional instance norm (Dumoulin, Shlens and Kudlur, 2017), by stages: a stage's norms begin as
those of the stage before it. The convolutions go on learning, and so the norms of earlier stages
do too, in a smaller part of each batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from worker.net import TransformNet
from worker.net.affine import Affine, apply, is_norm_weight, mix, take_affine

#: Stands for the backbone's hash while there is none: the convolutions still change.
UNNAMED = "0" * 64
#: How much more often a crop is shown to one stage's norms than to those of the stage before.
NEWER = 2.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose norms paint one crop of a batch."""

    painting: str
    stage: int

    def __str__(self) -> str:
        return f"{self.painting}.{self.stage}"


def draw_turns(
    paintings: Sequence[str], *, newest: int, first: int, batch: int, seed: int
) -> list[Turn]:
    """Draw whose turn each crop of the batch is that begins at image position `first`.

    Paintings have equal chances; of the stages 0..`newest` each has NEWER times that of the one
    before. Seed and position alone decide, so a training resumes without a random state.
    """
    random = np.random.default_rng([seed, 3, first])
    chances = NEWER ** np.arange(newest + 1)
    stages = random.choice(newest + 1, size=batch, p=chances / chances.sum())
    who = random.integers(len(paintings), size=batch)
    return [
        Turn(paintings[int(index)], int(stage)) for index, stage in zip(who, stages, strict=True)
    ]


class JointNets:
    """A net for every painting and stage; all have the convolutions of `base` as their own."""

    def __init__(self, base: TransformNet, paintings: Sequence[str], stages: int) -> None:
        start = take_affine(base, UNNAMED)
        self.paintings = list(paintings)
        self._stages = stages
        self._nets = {
            Turn(painting, stage): apply(base, start)
            for painting in paintings
            for stage in range(stages)
        }

    def net(self, turn: Turn) -> TransformNet:
        """Return the net of one painting and stage."""
        return self._nets[turn]

    def begin(self, stage: int) -> None:
        """Let a stage's norms begin as those of the stage before; the first keeps the base's."""
        if stage == 0:
            return
        with torch.no_grad():
            for painting in self.paintings:
                before = _norms(self._nets[Turn(painting, stage - 1)])
                for name, weight in _norms(self._nets[Turn(painting, stage)]).items():
                    weight.copy_(before[name])

    def convolutions(self) -> dict[str, nn.Parameter]:
        """Return the shared weights by name."""
        one = next(iter(self._nets.values()))
        return {f"conv.{n}": w for n, w in one.named_parameters() if not is_norm_weight(n)}

    def norms(self) -> dict[str, nn.Parameter]:
        """Return every painting's and stage's own weights by name."""
        return {
            f"{turn}.{name}": weight
            for turn, net in self._nets.items()
            for name, weight in _norms(net).items()
        }

    def weights(self) -> dict[str, nn.Parameter]:
        """Return all weights by name."""
        return self.convolutions() | self.norms()

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights by the names that `weights` has; raises KeyError where one lacks."""
        for name, weight in self.weights().items():
            weight.copy_(weights[name])

    @torch.no_grad()
    def round(self) -> None:
        """Round all weights in place to what their files will hold (float16)."""
        for weight in self.weights().values():
            weight.copy_(weight.half().float())

    def affines(self, painting: str, backbone: str) -> list[Affine]:
        """Return the norms of a painting's stages, over the backbone of that SHA-256."""
        return [
            take_affine(self._nets[Turn(painting, stage)], backbone)
            for stage in range(self._stages)
        ]

    def weakest(self) -> TransformNet:
        """Return the net whose norms are the mean of all paintings' first stages."""
        share = 1 / len(self.paintings)
        first = [(self.affines(painting, UNNAMED)[0], share) for painting in self.paintings]
        return apply(next(iter(self._nets.values())), mix(first))


def _norms(net: TransformNet) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in net.named_parameters() if is_norm_weight(name)}
