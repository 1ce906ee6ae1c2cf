"""3×3 convolutions of a frozen network by Winograd's minimal filtering, for CPUs in float32.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), F(4×4, 3×3): a tile of
4×4 outputs takes 36 products instead of 144. On AVX2, a whole VGG19 forward and back takes 1 / 1.5
of PyTorch's time with it; results differ by some 1e-5 of their size, and repeat bit for bit. The
kernels take eight times the bytes of the weights that they are made from: 180 MB up to relu4_2.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

#: Channels out from which it pays: with fewer, moving tiles costs what products save.
FEWEST_CHANNELS = 256
#: Rows and columns of a tile's outputs, and of the inputs that these depend on.
_OUT, _IN = 4, 6
_INPUT = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_KERNEL = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1.0],
    ]
)
_OUTPUT = torch.tensor(
    [[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)
# Both directions at once: (36, 36) for a tile of inputs, (16, 36) for one of products.
_INPUTS, _OUTPUTS = torch.kron(_INPUT, _INPUT), torch.kron(_OUTPUT, _OUTPUT)


class WinogradConv(nn.Module):
    """A frozen 3×3 convolution of stride 1 with a border of zeros. (B, I, H, W) → (B, O, H, W).

    On a GPU, and where autocast is on, it is the plain convolution.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.plain = conv
        self._kernels: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return self.plain(x)
        # `apply` has no types.
        made: Tensor = _Filter.apply(x.permute(0, 2, 3, 1), *self._both())  # pyright: ignore
        assert self.plain.bias is not None
        return (made + self.plain.bias).permute(0, 3, 1, 2)

    def _both(self) -> tuple[Tensor, Tensor]:
        """Return the kernels of the convolution and of its gradient, made on their first use."""
        if self._kernels is None:
            weight = self.plain.weight.detach()
            self._kernels = (
                transformed(weight),
                transformed(weight.flip(2, 3).transpose(0, 1)),
            )
        return self._kernels


class _Filter(torch.autograd.Function):
    """(B, H, W, I) → (B, H, W, O); the gradient is the same with kernels turned round."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, kernels: Tensor, turned: Tensor) -> Tensor:
        ctx.save_for_backward(turned)
        return filtered(x, kernels)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, None, None]:
        (turned,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        (grad,) = grads
        return filtered(grad, turned), None, None


def transformed(weight: Tensor) -> Tensor:
    """Return kernels, (O, I, 3, 3), as products take them: (36, I, O)."""
    outputs, inputs = weight.shape[:2]
    kernels = torch.einsum("ai,bj,ocij->abco", _KERNEL, _KERNEL, weight)
    return kernels.reshape(_IN * _IN, inputs, outputs).contiguous()


def filtered(x: Tensor, kernels: Tensor) -> Tensor:
    """Convolve (B, H, W, I) with `transformed` kernels, bordered by zeros: (B, H, W, O)."""
    batch, height, width, channels = x.shape
    outputs = kernels.shape[2]
    down, across = -(-height // _OUT), -(-width // _OUT)
    borders = (1, across * _OUT + 1 - width, 1, down * _OUT + 1 - height)
    padded = F.pad(x.contiguous(), (0, 0, *borders))
    photo, row, column, channel = padded.stride()
    # Tiles overlap by two: each is looked at where it lies.
    tiles = padded.as_strided(
        (_IN, _IN, batch, down, across, channels),
        (row, column, photo, _OUT * row, _OUT * column, channel),
    )
    inputs = _INPUTS @ tiles.reshape(_IN * _IN, -1)
    products = torch.bmm(inputs.view(_IN * _IN, -1, channels), kernels)
    made = _OUTPUTS @ products.view(_IN * _IN, -1)
    made = made.view(_OUT, _OUT, batch, down, across, outputs).permute(2, 3, 0, 4, 1, 5)
    return made.reshape(batch, down * _OUT, across * _OUT, outputs)[:, :height, :width]


def by_winograd(features: nn.Sequential) -> nn.Sequential:
    """Return the layers with every convolution replaced for which it pays."""
    return nn.Sequential(*(_replaced(layer) for layer in features))


def _replaced(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.ReLU):
        # In place it would write into what the convolution's gradient is found by.
        return nn.ReLU()
    if not isinstance(layer, nn.Conv2d) or layer.out_channels < FEWEST_CHANNELS:
        return layer
    fits = (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
    return WinogradConv(layer) if fits else layer
