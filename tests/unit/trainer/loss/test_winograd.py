"""Winograd's filtering gives what a convolution gives, forwards and backwards, at any size."""

import pytest
import torch
from torch import Tensor, nn

from trainer.loss.winograd import WinogradConv, by_winograd

#: Channels, height and width: whole tiles, parts of tiles, less than one tile, a single pixel.
SIZES = [(3, 8, 8), (5, 13, 6), (4, 3, 9), (2, 1, 1), (8, 32, 31)]


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    torch.manual_seed(2)
    return nn.Conv2d(inputs, outputs, 3, padding=1).requires_grad_(False)


def picture(channels: int, height: int, width: int) -> Tensor:
    torch.manual_seed(3)
    return torch.randn(2, channels, height, width)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_convolution(size: tuple[int, int, int]) -> None:
    plain = conv(size[0], 6)
    x = picture(*size)
    torch.testing.assert_close(WinogradConv(plain)(x), plain(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_its_gradient_is_the_convolutions(size: tuple[int, int, int]) -> None:
    plain = conv(size[0], 6)
    found: list[Tensor] = []
    for layer in (plain, WinogradConv(plain)):
        x = picture(*size).requires_grad_()
        made = layer(x)
        (made * torch.linspace(-1, 1, made.numel()).view_as(made)).sum().backward()
        assert x.grad is not None
        found.append(x.grad)
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


def test_it_repeats_bit_for_bit() -> None:
    layer = WinogradConv(conv(8, 16))
    assert torch.equal(layer(picture(8, 21, 17)), layer(picture(8, 21, 17)))


def test_where_autocast_is_on_it_is_the_plain_convolution() -> None:
    plain = conv(4, 6)
    x = picture(4, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(WinogradConv(plain)(x), plain(x))


def test_only_wide_convolutions_of_three_by_three_are_replaced() -> None:
    layers = nn.Sequential(
        nn.Conv2d(3, 255, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(255, 256, 3, padding=1),
        nn.Conv2d(256, 256, 1),
        nn.Conv2d(256, 256, 3, stride=2, padding=1),
        nn.Conv2d(256, 256, 3),
    ).requires_grad_(False)
    made = by_winograd(layers)
    assert [isinstance(layer, WinogradConv) for layer in made] == [False, False, True, *3 * [False]]
    x = picture(3, 20, 22)
    torch.testing.assert_close(made(x.clone()), layers(x.clone()), rtol=1e-4, atol=1e-4)
