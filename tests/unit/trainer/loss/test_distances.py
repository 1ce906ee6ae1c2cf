"""Content and style distances are dimensionless and zero where nothing differs."""

import pytest
import torch

from trainer.loss.distances import content_distance, distances, gram, pixel_distance, style_target
from trainer.loss.network import LossNetwork


def test_a_gram_matrix_is_the_mean_outer_product_of_positions() -> None:
    features = torch.randn(2, 3, 4, 5)
    expected = torch.einsum("bchw,bdhw->bcd", features, features) / 20
    torch.testing.assert_close(gram(features), expected)


def test_a_gram_matrix_does_not_depend_on_the_size_of_the_picture() -> None:
    features = torch.randn(1, 3, 4, 5)
    torch.testing.assert_close(gram(features.repeat(1, 1, 3, 2)), gram(features))


def test_the_gradient_of_a_gram_matrix_is_that_of_its_definition() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gram, features)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_content_distance_has_no_unit(scale: float) -> None:
    """Features of any size give the same distance: that is what lets a ratio mean something."""
    a, b = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(
        content_distance([a * scale], [b * scale]), content_distance([a], [b])
    )
    torch.testing.assert_close(content_distance([torch.zeros_like(b)], [b]), torch.ones(2))


def test_layers_of_content_count_alike() -> None:
    """A layer of small features says as much as one of large features."""
    a, b = torch.randn(2, 3, 4, 4), 100 * torch.randn(2, 5, 2, 2)
    both = content_distance([torch.zeros_like(a), b], [a, b])
    torch.testing.assert_close(both, torch.full((2,), 0.5))


def test_a_painting_has_no_distance_from_itself(loss_network: LossNetwork) -> None:
    painting = torch.rand(1, 3, 64, 64)
    target = style_target(loss_network, painting)
    seen = loss_network(painting)
    measured = distances(seen, seen.content, target)
    assert measured.content.item() == 0
    assert measured.style.item() < 1e-9


def test_style_distance_of_silence_is_one(loss_network: LossNetwork) -> None:
    """With every feature zero the distance is the painting's own energy over itself."""
    target = style_target(loss_network, torch.rand(1, 3, 64, 64))
    silent = {n: torch.zeros(1, len(g), 2, 2) for n, g in target.grams.items()}
    torch.testing.assert_close(target.distance(silent), torch.ones(1))


def test_the_ratio_weighs_style_against_content(loss_network: LossNetwork) -> None:
    seen = loss_network(torch.rand(2, 3, 64, 64))
    other = loss_network(torch.rand(2, 3, 64, 64))
    measured = distances(seen, other.content, style_target(loss_network, torch.rand(1, 3, 64, 64)))
    content, style = measured.content.mean(), measured.style.mean()
    torch.testing.assert_close(measured.total(3.0), (content + 3 * style) / 4)


def test_pixel_distance_is_measured_in_the_photos_own_variance() -> None:
    photo = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(pixel_distance(photo, photo), torch.zeros(2))
    flat = photo.mean((2, 3), keepdim=True).expand_as(photo)
    distance = pixel_distance(flat, photo)
    assert ((distance > 0.95) & (distance < 1)).all()


def test_a_photo_of_one_colour_has_finite_pixel_distances() -> None:
    grey = torch.full((1, 3, 8, 8), 0.5)
    assert torch.isfinite(pixel_distance(grey + 0.1, grey)).all()
