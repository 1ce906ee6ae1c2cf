"""Weights in Caffe's convention, brought to torchvision's: same features of the same picture.

The first VGGs were trained in Caffe, on pictures of 0..255 with the channels blue, green, red and
the corpus's mean colour taken away (Simonyan and Zisserman, 2014). Their conversions for PyTorch
(`vgg19-d01eb7cb.pth`, `vgg16-00b39a1b.pth`) have torchvision's names and shapes, but only the
first layer needs to be another one to see what torchvision's loss networks are shown.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from trainer.loss.weights import WeightsRejected

#: What torchvision's networks take from a picture of 0..1, and divide it by: red, green, blue.
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
#: What Caffe's VGGs take from a picture of 0..255: blue, green, red.
CAFFE_MEAN: Final = (103.939, 116.779, 123.68)

#: The first biases of Caffe's VGGs, by which they are known in whatever file they come. Their
#: weights are as large as torchvision's (0.2 or so), and are no mark.
FIRST_BIASES: Final = (
    (0.73430, 0.09340, 0.06776, 0.88630, 0.25995, 0.66427),  # VGG16
    (0.73018, 0.06494, 0.03429, 0.82604, 0.25780, 0.54868),  # VGG19
)
#: How far biases may be off: weights may have been stored in half precision.
_ROUNDING: Final = 1e-3
#: A layer of Caffe's own order of the classifier, which torchvision's VGGs do not have.
_CAFFES_CLASSIFIER: Final = "classifier.1.weight"
#: Root mean square of a first layer's weights below which pictures of 0..255 are expected: 0.1 to
#: 0.3 are usual for pictures of 0..1 that are divided by their deviation, 1/58 of that for 0..255.
_SMALLEST: Final = 0.02
#: The same from which weights were scaled up for pictures of 0..1 already.
_LARGEST: Final = 2.0


def in_torchvisions_convention(
    name: str, layers: dict[str, Tensor], state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return a network's layers, the first converted where the weights are Caffe's.

    `layers` are by their names within `features`, `state` is all that the file holds. Raises
    WeightsRejected for a first layer that is for 0..255 and of unknown origin, since nothing tells
    the order of its channels.
    """
    weight, bias = layers["0.weight"].float(), layers["0.bias"].float()
    size = weight.square().mean().sqrt().item()
    if is_caffes(name, bias, state) and size < _LARGEST:
        first_weight, first_bias = first_layer_from_caffe(weight, bias)
        return {**layers, "0.weight": first_weight, "0.bias": first_bias}
    if size < _SMALLEST:
        raise WeightsRejected(
            f"The weights found for {name} are not in torchvision's scale: those of the first "
            f"layer are {size:.2g} in size, where 0.1 to 0.3 is usual. They seem to be for "
            "pictures of 0..255, as Caffe's are; use torchvision's own file."
        )
    return layers


def is_caffes(name: str, bias: Tensor, state: Mapping[str, Tensor]) -> bool:
    """Whether a network's weights were trained in Caffe, by its first layer's bias or its names."""
    if not name.startswith("vgg"):
        return False
    known = (torch.tensor(first) for first in FIRST_BIASES)
    first = bias[: len(FIRST_BIASES[0])]
    return _CAFFES_CLASSIFIER in state or any(
        torch.allclose(first, biases, rtol=0, atol=_ROUNDING) for biases in known
    )


def first_layer_from_caffe(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Convert a first layer, (O, 3, K, K) and (O,): to red first, in torchvision's scale.

    What the convolution pads with is the mean colour before and after; the two means differ by
    half a step of 255, and so do the borders.
    """
    std, mean = torch.tensor(IMAGENET_STD), torch.tensor(IMAGENET_MEAN)
    flipped = weight.flip(1)  # (O, red green blue, K, K)
    offset = 255 * mean - torch.tensor(CAFFE_MEAN).flip(0)  # by which the two means differ
    shift = (flipped * offset.view(1, 3, 1, 1)).sum((1, 2, 3))
    return flipped * (255 * std).view(1, 3, 1, 1), bias + shift
