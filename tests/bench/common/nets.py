"""Trained nets of both profiles, and photos of any size, on a machine that has nothing else."""

from dataclasses import replace

import numpy as np
from PIL import Image
from torch import Tensor

from infra.bundled import BUNDLED_BACKBONE, BUNDLED_STYLES
from worker.engines.port import Pixels
from worker.net import TransformNet
from worker.net.affine import apply, unpack_affine
from worker.net.netfile import unpack

#: Bytes that are enough to paint any photo as a whole, and to keep what was compiled for it.
BOUNDLESS = 1 << 40


def light_net() -> TransformNet:
    """Return the last stage of a bundled style, of the light profile."""
    last = max((BUNDLED_STYLES / "water-lilies").glob("*.safetensors"))
    backbone, _ = unpack(BUNDLED_BACKBONE.read_bytes())
    return apply(backbone, unpack_affine(last.read_bytes())[0]).eval()


def standard_net() -> TransformNet:
    """Return a net of the standard profile that paints exactly as the light one.

    Every channel stands in it twice, and each half counts half (Chen, Goodfellow and Shlens,
    "Net2Net", 2016): trained weights of a width that no bundled style has.
    """
    light = light_net()
    wide = TransformNet(replace(light.config, width=2 * light.config.width))
    shapes = wide.state_dict()
    wide.load_state_dict(
        {name: _widened(weight, shapes[name]) for name, weight in light.state_dict().items()}
    )
    return wide.eval()


def _widened(weight: Tensor, like: Tensor) -> Tensor:
    """Repeat channels that there are twice as many of; what is summed counts half."""
    repeats = [wide // narrow for wide, narrow in zip(like.shape, weight.shape, strict=True)]
    summed = repeats[1] if weight.ndim == 4 else 1
    return weight.repeat(*repeats) / summed


def photo(height: int, width: int) -> Pixels:
    """Return a photo, (H, W, 3): scikit-image's astronaut, stretched."""
    import skimage.data  # a machine that paints other photos need not have it

    return np.array(Image.fromarray(skimage.data.astronaut()).resize((width, height)))
