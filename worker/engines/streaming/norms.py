"""Instance norm over a whole picture that is read tile by tile."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

#: As in worker.net.InstanceNorm.
EPS = 1e-5


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of each channel of a part, (C,) float64 on the CPU."""

    pixels: int
    mean: Tensor
    variance: Tensor


@dataclass(frozen=True, slots=True)
class FrozenNorm:
    """An instance norm whose statistics are known: a factor and a shift a channel, (C,)."""

    factor: Tensor
    shift: Tensor

    def folded(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weight (O, I, K, K) and bias of a convolution with this norm after it."""
        scaled = weight.float() * self.factor[:, None, None, None]
        return scaled.to(weight.dtype), self.shift.to(weight.dtype)

    def repeated(self, times: int) -> "FrozenNorm":
        """Return the norm of so many phases of all channels, one phase after the other."""
        return FrozenNorm(*(of.repeat(times) for of in (self.factor, self.shift)))

    def __call__(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) normed."""
        factor, shift = (of.to(x.dtype)[:, None, None] for of in (self.factor, self.shift))
        return torch.addcmul(shift, x, factor)


def moments(part: Tensor) -> Moments:
    """Return the moments of a part, (1, C, H, W): float32 sums within it."""
    # The kernel of batch norm in training: fast if channels are last in memory. A view is not.
    whole_part = part.float().contiguous(memory_format=torch.channels_last)
    mean, variance = torch.batch_norm_update_stats(whole_part, None, None, 0.0)
    pixels = part.shape[-2] * part.shape[-1]
    return Moments(pixels, mean.double().cpu(), variance.double().cpu())


def whole(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together, by sums in float64."""
    pixels, mean, square = 0, torch.zeros(()), torch.zeros(())
    for part in parts:
        pixels += part.pixels
        mean = mean + part.pixels * part.mean
        square = square + part.pixels * (part.variance + part.mean.square())
    mean = mean / pixels
    return Moments(pixels, mean, square / pixels - mean.square())


def freeze(of: Moments, scale: Tensor, shift: Tensor) -> FrozenNorm:
    """Return the norm with a learned scale and shift, (C,), for a picture of these moments."""
    factor = scale.double().cpu() / (of.variance.clamp(min=0) + EPS).sqrt()
    return FrozenNorm(
        factor.float().to(scale.device),
        (shift.double().cpu() - of.mean * factor).float().to(scale.device),
    )
