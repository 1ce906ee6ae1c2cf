"""Spikes: features that run away in one place, and leave a pale or dark blot there.

Instance norm divides by what a channel does over the whole picture. A net learns to exploit that:
it lets a channel grow without bound in a small flat area, which makes all else in it small (Karras
et al., 2020, call the blots droplets). In nets whose pictures have them, kurtosis (the fourth
moment over the square of the second; 3 for a normal distribution) is up to 100 in the last layers,
where it is about 30 in others. Held back, a net keeps a photo's blacks: without, a hundred steps of
Starry Night over VGG19 turned them grey.

Where one channel runs away, the others are pressed below zero, and a ReLU is all that follows: such
a place has one colour in every style of a joint net (1 channel of 16 was left, where 13 to 15 were
elsewhere), and no gradient that would change it. So joint trainings weigh that as well.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.net import TransformNet

#: Kurtosis from which features count as spiky.
USUAL: Final = 15.0


def spiky(features: Tensor, usual: float = USUAL) -> Tensor:
    """Return by how much the kurtosis of (B, C, H, W) is beyond the usual: mean over channels.

    A scalar, 0 where no channel is spiky, 1 where all have twice what is usual.
    """
    features = features.float()
    off = features - features.mean((2, 3), keepdim=True)
    spread = off.square().mean((2, 3)).clamp(min=1e-8)
    kurtosis = off.pow(4).mean((2, 3)) / spread.square()
    return (F.relu(kurtosis - usual) / usual).mean()


def pressed(features: Tensor) -> Tensor:
    """Return by how much (B, C, H, W) is below zero where half of the channels are: a scalar.

    The mean over places of the mean of the upper half of the channels, each in its own spread,
    where that is negative: 0 where half of them get through a ReLU everywhere.
    """
    features = features.float()
    scaled = features / (features.detach().std((2, 3), keepdim=True) + 1e-3)
    upper = scaled.topk(max(1, features.shape[1] // 2), dim=1).values.mean(1)
    return F.relu(-upper).mean()


class SpikeWatch:
    """Looks at the late layers of transform nets while they paint: `with watch: net(photo)`."""

    def __init__(self, nets: Iterable[TransformNet], usual: float = USUAL) -> None:
        self._on = False
        self._usual = usual
        self._seen: list[Tensor] = []
        self._last: list[Tensor] = []
        own = {id(net): net for net in nets}.values()
        late = [norm for net in own for norm in _late(net)]
        self._hooks = [norm.register_forward_hook(self._look) for norm in late]
        last = [net.up[-1].get_submodule("norm") for net in own]
        self._hooks += [norm.register_forward_hook(self._look_at_last) for norm in last]

    def __enter__(self) -> "SpikeWatch":
        """Forget what was seen, and look from here on."""
        self._seen.clear()
        self._last.clear()
        self._on = True
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False

    def spikiness(self) -> Tensor:
        """Return the mean of `spiky` over all that was seen, a scalar; 0 of nothing."""
        return torch.stack(self._seen).mean() if self._seen else torch.zeros(())

    def pressed(self) -> Tensor:
        """Return the mean of `pressed` over what the last layers gave, a scalar; 0 of nothing."""
        lasts = [pressed(features) for features in self._last]
        return torch.stack(lasts).mean() if lasts else torch.zeros(())

    def remove(self) -> None:
        """Let the nets alone from here on."""
        for hook in self._hooks:
            hook.remove()

    def _look(self, _layer: nn.Module, _given: object, features: Tensor) -> None:
        if self._on:
            self._seen.append(spiky(features, self._usual))

    def _look_at_last(self, _layer: nn.Module, _given: object, features: Tensor) -> None:
        if self._on:
            self._last.append(features)


@contextmanager
def watched(
    painters: Sequence[Callable[[Tensor], Tensor]], usual: float = USUAL
) -> Generator[SpikeWatch]:
    """Watch those of the painters that are transform nets."""
    watch = SpikeWatch((net for net in painters if isinstance(net, TransformNet)), usual)
    try:
        with watch:
            yield watch
    finally:
        watch.remove()


def _late(net: TransformNet) -> list[nn.Module]:
    blocks = [block.get_submodule("second.norm") for block in net.blocks]
    return [*blocks, *(up.get_submodule("norm") for up in net.up)]
