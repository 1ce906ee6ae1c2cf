"""Loss networks: frozen image classifiers whose features measure content and style.

`vgg19` and the others by torchvision's names are torchvision's own trainings; `vgg19_original` has
the same layers and the weights of Simonyan and Zisserman (2014), which style transfer began with.

Content and style layers follow Gatys, Ecker and Bethge (2016) for VGG (content relu4_2, style
relu1_1 … relu5_1); for SqueezeNet they are the layers of like depth. The original VGG19 is read
about as deep as Johnson et al. (2016) read theirs: content in relu3_2 too, and style no deeper than
relu4_1. What relu5_1 sees in a photo is things: photos themselves were 1.3 to 18 times as far from
fifteen paintings there as silence is (0.3 to 2.5 times in the other layers), and nets came closer
by fading everything. Inputs are sRGB 0..1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from infra.catalogue.card import LossWeights
from infra.errors import ImpastoError
from trainer.loss.caffe import IMAGENET_MEAN, IMAGENET_STD, in_torchvisions_convention
from trainer.loss.original_vgg import read_original_vgg19
from trainer.loss.weights import WeightsRejected, WeightsSource
from trainer.loss.winograd import by_winograd


@dataclass(frozen=True, slots=True)
class Taps:
    """Where a torchvision `features` stack is read: layer name → index, after its ReLU."""

    layers: dict[str, int]
    content: tuple[str, ...]
    style: tuple[str, ...]
    #: Whether 3×3 convolutions are computed by Winograd's filtering where that pays.
    winograd: bool = False


_VGG_STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
_SQUEEZE_STYLE = ("conv1", "fire2", "fire4", "fire5", "fire6")

_VGG19 = Taps(
    {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "relu4_2": 22, "relu5_1": 29},
    content=("relu4_2",),
    style=_VGG_STYLE,
)
#: The loss network whose weights come with a package.
ORIGINAL_VGG19: Final = "vgg19_original"

#: Loss networks by name.
TAPS: dict[str, Taps] = {
    ORIGINAL_VGG19: Taps(
        {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu3_2": 13, "relu4_1": 20, "relu4_2": 22},
        content=("relu3_2", "relu4_2"),
        style=("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
        winograd=True,
    ),
    "vgg19": _VGG19,
    "vgg16": Taps(
        {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 18, "relu4_2": 20, "relu5_1": 25},
        content=("relu4_2",),
        style=_VGG_STYLE,
    ),
    "squeezenet1_0": Taps(
        {"conv1": 1, "fire2": 3, "fire3": 4, "fire4": 5, "fire5": 7, "fire6": 8},
        content=("fire4",),
        style=_SQUEEZE_STYLE,
    ),
    "squeezenet1_1": Taps(
        {"conv1": 1, "fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7, "fire6": 9},
        content=("fire4",),
        style=_SQUEEZE_STYLE,
    ),
}


@dataclass(frozen=True, slots=True)
class Features:
    """Features of a batch in a loss network, each (B, C, H, W): content, and style by name."""

    content: tuple[Tensor, ...]
    style: dict[str, Tensor]


class LossNetwork(nn.Module):
    """A frozen feature extractor, cut off behind the deepest layer that is read."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, name: str, features: nn.Sequential, weights: LossWeights | None = None
    ) -> None:
        super().__init__()
        self.name = name
        #: Where its weights are from, for cards.
        self.weights = weights
        self.taps = TAPS[name]
        layers = nn.Sequential(*list(features)[: max(self.taps.layers.values()) + 1])
        self.features = by_winograd(layers) if self.taps.winograd else layers
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)
        # Pooling is ten times as fast on CPU with channels last, and Gram matrices need no copy.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @property
    def device(self) -> torch.device:
        """Return where the network is, and with it all that trains under it."""
        return self.mean.device

    def forward(self, picture: Tensor) -> Features:
        """Measure pictures: (B, 3, H, W) float, sRGB about 0..1; each side at least 32."""
        seen = dict(self._walk((picture - self.mean) / self.std))
        return Features(
            content=tuple(seen[name].float() for name in self.taps.content),
            style={name: seen[name].float() for name in self.taps.style},
        )

    @torch.no_grad()
    def content(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Return the content features alone of pictures that nothing learns from."""
        found: dict[str, Tensor] = {}
        for name, seen in self._walk((picture - self.mean) / self.std):
            if name in self.taps.content:
                found[name] = seen.float()
            if len(found) == len(self.taps.content):
                break
        return tuple(found[name] for name in self.taps.content)

    def _walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        x = x.contiguous(memory_format=torch.channels_last)
        names = {index: name for name, index in self.taps.layers.items()}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in names:
                yield names[index], x


def load_loss_network(name: str, weights: WeightsSource) -> LossNetwork:
    """Build a loss network and load its ImageNet weights, in float32.

    The original VGG19 comes with the trainer's packages, the others from `weights`. Raises
    UnknownLossNetwork for a name that is not in TAPS, WeightsMissing and WeightsRejected as
    `weights` does; also the latter for weights of another network, or in another scale. Caffe's
    VGGs are converted.
    """
    if name not in TAPS:
        raise UnknownLossNetwork(
            f"There is no loss network {name!r}; the choices are {', '.join(TAPS)}."
        )
    features = _untrained_features(name)
    found = read_original_vgg19() if name == ORIGINAL_VGG19 else weights.read(name)
    layers = _fitting(name, features, found.state)
    features.load_state_dict(in_torchvisions_convention(name, layers, found.state))
    return LossNetwork(name, features, found.facts)


def _untrained_features(name: str) -> nn.Sequential:
    """Return torchvision's layers with memory but no values; its classifier gets neither."""
    # Takes seconds to import, and a trainer that waits for its first training has no use for it.
    from trainer.loss.torchvision_import import models

    with torch.device("meta"):
        features = models.get_model(name.removesuffix("_original"), weights=None).features
    assert isinstance(features, nn.Sequential)
    return features.to_empty(device="cpu")


def _fitting(name: str, features: nn.Sequential, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the layers out of a whole network's; raises WeightsRejected."""
    fitting: dict[str, Tensor] = {}
    for key, expected in features.state_dict().items():
        found = state.get(f"features.{key}")
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            raise WeightsRejected(
                f"The weights found for {name} are another network's: they have no "
                f"'features.{key}' of shape {tuple(expected.shape)}."
            )
        fitting[key] = found
    return fitting


class UnknownLossNetwork(ImpastoError, ValueError):
    """No loss network has that name."""

    type = "unknown-loss-network"
    title = "There is no such loss network."
