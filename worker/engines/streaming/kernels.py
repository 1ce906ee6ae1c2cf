"""A net's weights in the form that tiles use."""

import torch
from torch import Tensor

from worker.engines.weights import Arrays


class Kernels:
    """Weights on a device, convolutions in `dtype` and channels last; by their names in the net.

    `weights` are those of worker.engines.weights.
    """

    def __init__(self, weights: Arrays, *, device: torch.device, dtype: torch.dtype) -> None:
        self._weights = {name: torch.from_numpy(w).to(device) for name, w in weights.items()}
        self._dtype = dtype

    def conv(self, name: str) -> Tensor:
        """Return a convolution's kernels, (O, I, K, K); a doubling one's phase by phase."""
        return self._channels_last(self._weights[f"{name}.conv.weight"])

    def entry(self) -> Tensor:
        """Return the first convolution's kernels, for a photo of 0..1 and not of bytes."""
        return self._channels_last(self._weights["down.0.conv.weight"] * 255)

    def paint(self) -> tuple[Tensor, Tensor]:
        """Return the last convolution's kernels, (12, I, 10, 10), and biases, (12,): to bytes."""
        bias = self._weights["paint.bias"].flatten()
        return self._channels_last(self._weights["paint.weight"]), bias.to(self._dtype)

    def norm(self, name: str) -> tuple[Tensor, Tensor]:
        """Return a norm's scale and shift, (C,)."""
        scale, shift = (self._weights[f"{name}.norm.{part}"] for part in ("scale", "shift"))
        return scale.flatten(), shift.flatten()

    def _channels_last(self, weight: Tensor) -> Tensor:
        return weight.to(self._dtype, memory_format=torch.channels_last)
