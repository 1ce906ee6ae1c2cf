"""The transform net: shapes, sizes, statistics, ranges."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.net import InstanceNorm, NetConfig, TransformNet, Upsample

TINY = NetConfig(width=2, residual_blocks=1)


def net(config: NetConfig = TINY) -> TransformNet:
    torch.manual_seed(3)
    return TransformNet(config).eval()


@pytest.mark.parametrize("upsample", ["resize", "transpose"])
@given(height=st.integers(1, 70), width=st.integers(1, 70))
@settings(max_examples=40, deadline=None)
def test_every_size_comes_back_at_exactly_its_size(
    upsample: Upsample, height: int, width: int
) -> None:
    painting = net(NetConfig(2, 1, upsample))(torch.rand(1, 3, height, width))
    assert painting.shape == (1, 3, height, width)


def test_the_layers_are_those_of_the_paper() -> None:
    """Three convolutions down, residual blocks of two, two up and the last one to RGB."""
    layers = net(NetConfig(32, 5, "transpose"))
    convolutions = [
        (type(m).__name__, m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in layers.modules()
        if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    ]
    assert convolutions == [
        ("Conv2d", 3, 32, 9, 1),
        ("Conv2d", 32, 64, 3, 2),
        ("Conv2d", 64, 128, 3, 2),
        *[("Conv2d", 128, 128, 3, 1)] * 10,
        ("ConvTranspose2d", 128, 64, 3, 2),
        ("ConvTranspose2d", 64, 32, 3, 2),
        ("PaintConv", 32, 3, 9, 1),
    ]


def test_results_leave_the_range_only_in_training() -> None:
    """Gradients must flow where a result is out of 0..1; a picture must not be."""
    painter = net()
    with torch.no_grad():
        painter.paint.weight.mul_(50)
    photo = torch.rand(1, 3, 32, 32)
    assert painter(photo).aminmax() == (0.0, 1.0)
    assert painter.train()(photo).max() > 1


def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    """Instance norm takes its statistics from one picture, whatever stands beside it."""
    photos = torch.rand(3, 3, 24, 40)
    alone = torch.cat([net()(photo[None]) for photo in photos])
    torch.testing.assert_close(net()(photos), alone, atol=1e-5, rtol=0)


def test_instance_norm_keeps_float32_statistics_for_half_precision() -> None:
    """A channel of large values would overflow float16 sums of squares."""
    norm = InstanceNorm(4)
    x = torch.randn(1, 4, 64, 64).half() * 100 + 1000
    out = norm(x)
    assert out.dtype == torch.float16
    assert out.float().mean().abs() < 1e-2
    assert abs(out.float().std().item() - 1) < 1e-2


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"width": 1000}, {"residual_blocks": -1}, {"upsample": "bicubic"}]
)
def test_a_config_that_makes_no_net_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NetConfig(**wrong)  # type: ignore[arg-type]
