"""The reference engine: bytes in, bytes out; and its form for a GPU, as far as a CPU has it."""

from typing import cast

import numpy as np
import pytest
import torch

from worker.engines.pytorch.engine import TorchEngine, to_batch, to_pixels
from worker.net import ConvNorm, NetConfig, TransformNet

CPU = torch.device("cpu")


def test_pixels_survive_the_way_to_a_tensor_and_back() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    batch = to_batch([rgb, 255 - rgb], CPU)
    assert batch.shape == (2, 3, 5, 7)
    assert batch.max() <= 1
    assert np.array_equal(to_pixels(batch), [rgb, 255 - rgb])
    assert np.array_equal(to_pixels(batch.half()), [rgb, 255 - rgb])


def test_an_engine_paints_what_the_net_paints() -> None:
    torch.manual_seed(0)
    net = TransformNet(NetConfig(2, 1)).eval()
    rgb = np.random.default_rng(0).integers(0, 256, (37, 91, 3), dtype=np.uint8)
    painted = TorchEngine(net, device=CPU).stylize(rgb)
    with torch.inference_mode():
        expected = net(torch.tensor(rgb).permute(2, 0, 1)[None] / 255)
    assert painted.dtype == np.uint8
    assert painted.shape == rgb.shape
    assert np.abs(painted / 255 - expected[0].permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6


def test_half_precision_paints_nearly_the_same() -> None:
    """At least 40 dB, with norms that stay in float32."""
    rgb = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)

    def net() -> TransformNet:
        torch.manual_seed(0)
        made = TransformNet(NetConfig(8, 2))
        torch.nn.init.normal_(made.paint.weight, std=0.05)  # a painting of all tones
        return made

    exact = TorchEngine(net(), device=CPU).stylize(rgb).astype(np.float64)
    halved = net()
    half = TorchEngine(halved, device=CPU, dtype=torch.float16).stylize(rgb)
    assert exact.std() > 40
    assert 10 * np.log10(255**2 / np.square(exact - half).mean()) >= 40
    first = cast("ConvNorm", halved.down[0])
    assert first.norm.scale.dtype == torch.float32
    assert first.conv.weight.dtype == torch.float16


def test_half_precision_holds_half_the_bytes() -> None:
    config = NetConfig(8, 2)
    exact = TorchEngine(TransformNet(config), device=CPU).held_bytes
    half = TorchEngine(TransformNet(config), device=CPU, dtype=torch.float16).held_bytes
    assert 0.5 <= half / exact < 0.52  # norms stay


def test_the_photo_is_not_changed() -> None:
    rgb = np.full((16, 16, 3), 200, np.uint8)
    TorchEngine(TransformNet(NetConfig(2, 1)), device=CPU).stylize(rgb)
    assert (rgb == 200).all()


def test_a_photo_that_memory_is_too_small_for_is_turned_away_at_once() -> None:
    """Otherwise the kernel would kill the worker, and not for this photo alone."""
    net = TransformNet(NetConfig(2, 1))
    small, large = np.zeros((16, 16, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    engine = TorchEngine(net, device=CPU, available=lambda: 16 * 16 * 2 * 40)
    assert engine.stylize(small).shape == small.shape
    for beyond in (large, large[:, :1]):  # which the net extends to 16 columns
        with pytest.raises(MemoryError, match="GB are free"):
            engine.stylize(beyond)
    unknown = TorchEngine(net, device=CPU, available=lambda: None)
    assert unknown.stylize(large).shape == large.shape
