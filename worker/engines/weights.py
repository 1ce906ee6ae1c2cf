"""A net's weights, rewritten exactly for a graph that makes fewer passes over the picture.

Each convolution of the way up computes the four phases of its result at once, as one convolution
of the small picture to four times as many channels, phase by phase (see worker.net.polyphase). The
scales between bytes and the net's 0..1 are folded into the first and the last convolution.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from worker.net import TransformNet
from worker.net.polyphase import merged_taps, placed

#: Weights by their names in the net; float32, norms as (1, C, 1, 1).
Arrays = dict[str, NDArray[np.float32]]


def rewritten(net: TransformNet) -> Arrays:
    """Return the rewritten weights of a net; the net is not changed."""
    weights = {name: weight.detach().cpu().float() for name, weight in net.state_dict().items()}
    weights["down.0.conv.weight"] = weights["down.0.conv.weight"] / 255
    up = doubled_kernels if net.config.upsample == "resize" else transposed_kernels
    for name in ("up.0.conv.weight", "up.1.conv.weight"):
        weights[name] = up(weights[name])
    weights["paint.weight"] = torch.cat(placed(weights["paint.weight"])) * 255
    weights["paint.bias"] = ((weights["paint.bias"] + 0.5) * 255).repeat(4)
    return {name: _array(weight) for name, weight in weights.items()}


def doubled_kernels(weight: Tensor) -> Tensor:
    """Return the phases of a doubling convolution, (O, I, 3, 3) → (4 O, I, 2, 2).

    They compute, on a picture with its edge repeated once, the doubled picture with one more row
    and column on each side: odd rows come first.
    """
    return torch.cat(
        [taps for rows in merged_taps(weight, 2)[::-1] for taps in merged_taps(rows, 3)[::-1]]
    )


def transposed_kernels(weight: Tensor) -> Tensor:
    """Return the phases of a transposed convolution of stride 2, (I, O, 3, 3) → (4 O, I, 2, 2).

    They compute it on a picture with a row and a column of zeros at its end: an even row of the
    result sees one row of the picture, an odd one that and the next.
    """
    taps = F.pad(weight.transpose(0, 1), (0, 1, 0, 1))  # the last one is zero
    phases = ((1, 3), (2, 0))
    return torch.cat([taps[:, :, rows][..., columns] for rows in phases for columns in phases])


def _array(weight: Tensor) -> NDArray[np.float32]:
    shaped = weight.reshape(1, -1, 1, 1) if weight.ndim == 1 else weight
    return np.ascontiguousarray(shaped.numpy())
