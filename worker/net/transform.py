"""The transform net: one feed-forward pass turns a photo into a painting of it.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(2016), with instance norm after Ulyanov, Vedaldi and Lempitsky (2016) and reflection padding in
every convolution, so that borders look like the rest of the picture.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.net.polyphase import doubled_conv, shuffled_conv

Upsample = Literal["resize", "transpose"]

#: Photos with a shorter side (pixels) are extended to it by repeating their edge: reflection
#: padding and instance statistics need some pixels to work with.
SMALLEST_SIDE = 16
#: Strongest grain that a net may name: beyond it little is left of a photo.
MAX_GRAIN = 64


@dataclass(frozen=True, slots=True)
class NetConfig:
    """The shape of a transform net.

    `width` is the number of channels after the first convolution (32 is the standard net, 16 the
    light one: a quarter of the arithmetic). `upsample` is how the net returns to full resolution:
    `transpose` by strided transposed convolutions, as in the paper; `resize` by nearest-neighbour
    enlargement and a plain convolution, which leaves no checkerboard (Odena et al., 2016).
    `grain` is no part of the net: it is how strong a noise lies on its photos (see
    worker.net.grain), as a standard deviation in 255ths of full scale; 0 is none.
    """

    width: int = 32
    residual_blocks: int = 5
    upsample: Upsample = "resize"
    grain: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 256:
            raise ValueError(f"width must be 1..256, not {self.width}")
        if not 0 <= self.residual_blocks <= 64:
            raise ValueError(f"residual_blocks must be 0..64, not {self.residual_blocks}")
        if self.upsample not in get_args(Upsample):
            raise ValueError(f"upsample must be 'resize' or 'transpose', not {self.upsample!r}")
        if not 0 <= self.grain <= MAX_GRAIN:
            raise ValueError(f"grain must be 0..{MAX_GRAIN}, not {self.grain}")

    def described(self) -> dict[str, Any]:
        """Return the config as files hold it: without the grain where there is none.

        So the files of nets without one are the bytes that they were before there was any.
        """
        fields = asdict(self)
        return fields if self.grain else {k: v for k, v in fields.items() if k != "grain"}


class InstanceNorm(nn.Module):
    """Instance norm with a learned scale and shift a channel; statistics are float32.

    Input and output: (B, C, H, W) of any float type.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.instance_norm(x.float(), weight=self.scale, bias=self.shift, eps=self.eps)
        return normed.to(x.dtype)


class ConvNorm(nn.Module):
    """Reflection-padded convolution and instance norm. (B, I, H, W) → (B, O, ⌈H/s⌉, ⌈W/s⌉)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        # No bias: instance norm subtracts the mean, and with it any constant.
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, padding_mode="reflect", bias=False
        )
        self.norm = InstanceNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a plain path; nothing after the sum (Gross and Wilber, 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class ResizeUp(nn.Module):
    """Nearest-neighbour doubling, then a 3×3 convolution. (B, I, H, W) → (B, O, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1, padding_mode="reflect", bias=False)
        self.norm = InstanceNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(doubled_conv(x, self.conv.weight))


class TransposeUp(nn.Module):
    """A transposed 3×3 convolution of stride 2. (B, I, H, W) → (B, O, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)
        self.norm = InstanceNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class PaintConv(nn.Conv2d):
    """A reflection-padded 9×9 convolution to red, green and blue. (B, I, H, W) → (B, 3, H, W)."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 3, 9)

    def forward(self, input: Tensor) -> Tensor:
        assert self.bias is not None
        return shuffled_conv(F.pad(input, (4, 4, 4, 4), "reflect"), self.weight, self.bias)


class TransformNet(nn.Module):
    """Photo in, painting out: (B, 3, H, W) float, sRGB 0..1, to the same shape and range.

    Three convolutions down to a quarter of the resolution, residual blocks there, three
    convolutions up. Any H, W ≥ 1; the result has exactly the photo's size. In training mode the
    result is not clamped, so that gradients flow where it leaves 0..1.
    """

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        up = ResizeUp if config.upsample == "resize" else TransposeUp
        self.down = nn.ModuleList(
            [
                ConvNorm(3, w, 9),
                ConvNorm(w, 2 * w, 3, stride=2),
                ConvNorm(2 * w, 4 * w, 3, stride=2),
            ]
        )
        self.blocks = nn.ModuleList([ResidualBlock(4 * w) for _ in range(config.residual_blocks)])
        self.up = nn.ModuleList([up(4 * w, 2 * w), up(2 * w, w)])
        self.paint = PaintConv(w)

    def forward(self, photo: Tensor) -> Tensor:
        height, width = photo.shape[-2:]
        x = _extend(photo)
        extended = x.shape[-2:]
        for layer in self.down:
            x = F.relu(layer(x))
        for block in self.blocks:
            x = block(x)
        for layer in self.up:
            x = F.relu(layer(x))
        # Odd sides round up on the way down, so the way up may be up to 3 pixels too large.
        x = self.paint(x[..., : extended[0], : extended[1]])
        painting = (x + 0.5)[..., :height, :width]
        return painting if self.training else painting.clamp(0, 1)


def _extend(photo: Tensor) -> Tensor:
    """Repeat the right and bottom edge of a tiny photo until it has SMALLEST_SIDE."""
    height, width = photo.shape[-2:]
    bottom, right = max(0, SMALLEST_SIDE - height), max(0, SMALLEST_SIDE - width)
    return F.pad(photo, (0, right, 0, bottom), mode="replicate") if bottom or right else photo
