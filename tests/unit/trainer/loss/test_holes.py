"""Holes in paintings are measured, and so is flat grey by the tests' own measure."""

import pytest
import torch
from torch import Tensor

from tests.flat_grey import flat_grey
from trainer.loss.holes import blank_of, dead_share
from worker.net import NetConfig, TransformNet

BLANK = torch.tensor([0.7, 0.7, 0.72])


def photo(height: int = 64, width: int = 80) -> Tensor:
    torch.manual_seed(3)
    return torch.rand(1, 3, height, width) * 0.8 + 0.1


def with_patch(colour: Tensor, side: int = 32) -> Tensor:
    patched = photo()
    patched[..., 16 : 16 + side, 16 : 16 + side] = colour.view(1, 3, 1, 1)
    return patched


def test_a_patch_in_the_colour_of_nothing_is_dead() -> None:
    """Of its 32×32 pixels those that have nothing but it around them, within four pixels."""
    expected = (32 - 8) ** 2 / (64 * 80)
    assert dead_share(with_patch(BLANK), BLANK) == pytest.approx(expected)
    assert dead_share(with_patch(BLANK + 1 / 255), BLANK) == pytest.approx(expected), "rounded"


def test_a_patch_of_another_colour_is_painted_and_a_small_one_no_hole() -> None:
    assert dead_share(with_patch(BLANK + 3 / 255), BLANK) == 0
    assert dead_share(with_patch(BLANK, side=8), BLANK) == 0


def test_a_painting_without_flat_areas_has_no_holes() -> None:
    assert dead_share(photo(), BLANK) == 0
    assert dead_share(with_patch(BLANK), None) == 0


def dead_net() -> TransformNet:
    """A net all of whose last channels are far below zero, so that it paints its bias alone."""
    torch.manual_seed(0)
    net = TransformNet(NetConfig(4, 1))
    with torch.no_grad():
        net.up[-1].get_parameter("norm.shift").fill_(-6.0)
    return net


def test_a_net_with_dead_channels_is_wholly_dead() -> None:
    net = dead_net().eval()
    with torch.no_grad():
        assert dead_share(net(photo()), blank_of(net)) == 1


def grey_patch(side: int, light: float = 0.5, colour: float = 0.0) -> Tensor:
    return with_patch(torch.tensor([light + colour, light, light]), side)


def test_flat_grey_is_one_grey_with_its_neighbours() -> None:
    """Whatever made it. A step of 255 is not seen, and beyond the border is nothing else."""
    expected = (32 - 8) ** 2 / (64 * 80)
    assert flat_grey(grey_patch(32)) == pytest.approx(expected)
    assert flat_grey(grey_patch(32) + torch.rand(1, 1, 64, 80).round() / 255) > 0.9 * expected
    assert flat_grey(torch.full((1, 3, 20, 30), 0.5)) == 1
    assert flat_grey(photo()) == 0


@pytest.mark.parametrize(
    "picture",
    [
        grey_patch(8),
        grey_patch(32, light=0.05),
        grey_patch(32, light=0.95),
        grey_patch(32, colour=31 / 255),
        grey_patch(32) + torch.arange(80) * 3 / 255,
    ],
    ids=["small", "black", "white", "coloured", "shaded"],
)
def test_what_is_no_flat_grey(picture: Tensor) -> None:
    assert flat_grey(picture) == 0
