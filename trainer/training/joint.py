"""Several paintings learned at once by one net: shared convolutions, norms for each painting.

Conditional instance norm (Dumoulin, Shlens and Kudlur, 2017). The convolutions become a backbone,
over which each painting, and any other, is then learned stage by stage as norms alone. Norms for
every stage of each painting were tried here as well: each of them had too few turns, and after
1,650 batches of four crops style distances were 0.22 to 0.41, where norms alone came to 0.13 to
0.16 over the same convolutions in 100 batches of two.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from worker.net import TransformNet
from worker.net.affine import Affine, apply, is_norm_weight, mix, take_affine

#: Stands for the backbone's hash while there is none: the convolutions still change.
UNNAMED = "0" * 64


def draw_paintings(paintings: Sequence[str], *, first: int, batch: int, seed: int) -> list[str]:
    """Draw whose norms paint each crop of the batch that begins at image position `first`.

    Paintings have equal chances. Seed and position alone decide, so a training resumes without a
    random state.
    """
    who = np.random.default_rng([seed, 3, first]).integers(len(paintings), size=batch)
    return [paintings[int(index)] for index in who]


class JointNets:
    """A net for every painting; all have the convolutions of `base` as their own."""

    def __init__(self, base: TransformNet, paintings: Sequence[str]) -> None:
        start = take_affine(base, UNNAMED)
        self.paintings = list(paintings)
        self._nets = {painting: apply(base, start) for painting in paintings}

    def net(self, painting: str) -> TransformNet:
        """Return the net of one painting."""
        return self._nets[painting]

    def convolutions(self) -> dict[str, nn.Parameter]:
        """Return the shared weights by name."""
        one = next(iter(self._nets.values()))
        return {f"conv.{n}": w for n, w in one.named_parameters() if not is_norm_weight(n)}

    def norms(self) -> dict[str, nn.Parameter]:
        """Return every painting's own weights by name."""
        return {
            f"{painting}.{name}": weight
            for painting, net in self._nets.items()
            for name, weight in net.named_parameters()
            if is_norm_weight(name)
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

    def affine(self, painting: str) -> Affine:
        """Return a painting's norms, over a backbone that has no name yet."""
        return take_affine(self._nets[painting], UNNAMED)

    def mean(self) -> TransformNet:
        """Return the net whose norms are the mean of all paintings'."""
        share = 1 / len(self.paintings)
        norms = [(self.affine(painting), share) for painting in self.paintings]
        return apply(next(iter(self._nets.values())), mix(norms))
