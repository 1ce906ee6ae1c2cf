"""Halos beside edges are measured; strokes and blur are none."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.loss.halos import halo

#: Pixels of a side of the photo.
SIDE = 160


def photo(inside: float = 0.2, outside: float = 0.8) -> Tensor:
    """A dark roof against a pale sky, or the reverse."""
    picture = torch.full((1, 3, SIDE, SIDE), outside)
    picture[..., 80:, :] = inside
    return picture


def sharpened(picture: Tensor, amount: float) -> Tensor:
    """An unsharp mask, whose halos reach 12 pixels."""
    padded = F.pad(picture, (12, 12, 12, 12), mode="replicate")
    return picture + amount * (picture - F.avg_pool2d(padded, 25, stride=1))


@pytest.mark.parametrize(("inside", "outside"), [(0.2, 0.8), (0.8, 0.2), (0.35, 0.65)])
def test_rims_that_widen_the_step_are_halos(inside: float, outside: float) -> None:
    scene = photo(inside, outside)
    weak, strong = (halo(sharpened(scene, amount), scene) for amount in (0.2, 0.4))
    assert 0 < weak < strong
    assert strong == pytest.approx(2 * weak, rel=0.05)


def test_a_rim_is_off_by_what_was_laid_on_it() -> None:
    scene = photo()
    painted = scene.clone()
    painted[..., 60:80, :] += 0.1
    painted[..., 80:100, :] -= 0.1
    assert halo(painted, scene) == pytest.approx(0.1, abs=0.02)


def test_a_rim_in_a_white_sky_is_seen() -> None:
    """Pure white and black are levels of light as others are."""
    scene = photo(0.0, 1.0)
    painted = scene * 0.7 + 0.1
    painted[..., 60:80, :] += 0.1
    painted[..., 80:100, :] -= 0.1
    assert halo(painted, scene) == pytest.approx(0.1, abs=0.02)


def test_edges_that_bleed_are_the_reverse() -> None:
    scene = photo()
    assert halo(sharpened(scene, -0.4), scene) < 0


def test_other_light_and_colours_are_no_halos() -> None:
    """A painting has its own palette, the same near an edge and far from it."""
    scene = photo()
    assert halo(scene, scene) == 0
    assert halo(scene * 0.7 + 0.2, scene) == pytest.approx(0, abs=1e-6)
    assert halo(scene * torch.tensor([1.0, 0.6, 0.3]).view(1, 3, 1, 1), scene) == pytest.approx(
        0, abs=1e-6
    )


def test_strokes_are_no_halos() -> None:
    torch.manual_seed(1)
    strokes = F.interpolate(torch.randn(1, 3, 20, 20), (SIDE, SIDE), mode="bicubic")
    scene = photo()
    assert abs(halo(scene + 0.1 * strokes, scene)) < 0.02


def test_a_photo_without_flat_areas_beside_an_edge_tells_nothing() -> None:
    torch.manual_seed(2)
    busy = torch.rand(1, 3, 64, 64)
    assert halo(1 - busy, busy) == 0
    plain = torch.full((1, 3, 64, 64), 0.5)
    assert halo(plain + 0.1, plain) == 0
    assert halo(torch.rand(1, 3, 32, 40), torch.rand(1, 3, 32, 40)) == 0
