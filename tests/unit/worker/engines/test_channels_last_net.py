"""The net's form for a GPU, on a CPU: the same paintings, in a layout that is never turned."""

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from worker.engines.port import Pixels
from worker.engines.pytorch.channels_last_net import channels_last_net
from worker.engines.pytorch.engine import TorchEngine
from worker.net import ConvNorm, InstanceNorm, NetConfig, TransformNet, Upsample

CPU = torch.device("cpu")


def net(upsample: Upsample = "resize") -> TransformNet:
    torch.manual_seed(0)
    made = TransformNet(NetConfig(8, 2, upsample)).eval().requires_grad_(False)
    torch.nn.init.normal_(made.paint.weight, std=0.05)  # a painting of all tones
    for module in made.modules():
        if isinstance(module, InstanceNorm):
            nn.init.uniform_(module.scale, 0.5, 1.5)
            nn.init.uniform_(module.shift, -0.5, 0.5)
    return made


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("upsample", ["resize", "transpose"])
@pytest.mark.parametrize("size", [(40, 52), (37, 51), (9, 30)])
def test_it_paints_what_the_net_paints(upsample: Upsample, size: tuple[int, int]) -> None:
    rgb = noise(*size)
    expected = TorchEngine(net(upsample), device=CPU).stylize(rgb)
    cuda = TorchEngine.for_cuda(net(upsample), CPU, torch.float32, record=None)
    painted = cuda.stylize(rgb).astype(int)
    assert expected.std() > 40
    assert np.abs(painted - expected).max() <= 1
    assert (painted == expected).mean() > 0.999


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_paints_nearly_the_same(dtype: torch.dtype) -> None:
    """At least 40 dB in float16; bfloat16 has three binary digits fewer."""
    rgb = noise(40, 52)
    exact = TorchEngine(net(), device=CPU).stylize(rgb).astype(float)
    half = TorchEngine.for_cuda(net(), CPU, dtype, record=None).stylize(rgb)
    decibels = 10 * np.log10(255**2 / np.square(exact - half).mean())
    assert decibels >= (40 if dtype == torch.float16 else 25)


def test_photos_of_one_size_are_painted_together_as_they_are_alone() -> None:
    """Statistics are each photo's own."""
    engine = TorchEngine.for_cuda(net(), CPU, torch.float32, record=None)
    photos = [noise(24, 33, seed) // (seed + 1) for seed in range(3)]
    for rgb, painted in zip(photos, engine.stylize_batch(photos), strict=True):
        assert np.abs(painted.astype(int) - engine.stylize(rgb)).max() <= 1


def test_no_layer_turns_the_layout() -> None:
    made = channels_last_net(net(), torch.float16)
    turned: list[str] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not output.is_contiguous(memory_format=torch.channels_last):
            turned.append(type(module).__name__)

    for module in made.modules():
        module.register_forward_hook(look)
    photo = torch.rand(2, 3, 32, 48).half().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        made(photo)
    assert turned == []


def test_a_nearly_flat_photo_keeps_what_it_shows() -> None:
    """40 dB; the photo's mean colour, left in, takes up the bits of half precision."""
    rgb = np.full((120, 160, 3), 200, np.uint8)
    rgb[np.random.default_rng(0).random(rgb.shape[:2]) < 0.3] += 8
    expected = TorchEngine(net(), device=CPU).stylize(rgb).astype(float)
    painted = TorchEngine.for_cuda(net(), CPU, record=None).stylize(rgb)
    assert expected.std() > 40
    assert np.square(painted - expected).mean() < 255**2 / 10**4


def test_statistics_are_summed_in_float32() -> None:
    """The squares of these values are beyond what half precision can hold."""
    made = channels_last_net(net(), torch.float16)
    x = (torch.randn(1, 8, 64, 64) * 200).half().to(memory_format=torch.channels_last)
    normed = first_norm(made)(x).float()
    assert torch.isfinite(normed).all()
    plain = first_norm(net())(x.float())
    assert (normed - plain).abs().max() < 5e-3


def first_norm(of: TransformNet) -> nn.Module:
    return cast("ConvNorm", of.down[0]).norm
