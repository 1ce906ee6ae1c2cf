"""The original VGG19, out of its package."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.loss.caffe import CAFFE_MEAN
from trainer.loss.network import ORIGINAL_VGG19, LossNetwork, load_loss_network
from trainer.loss.original_vgg import read_original_vgg19
from trainer.loss.weights import WeightsSource


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return read_original_vgg19().state


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    """From nowhere but its package: there is no folder, and nothing may be downloaded."""
    return load_loss_network(ORIGINAL_VGG19, WeightsSource(folder=None, download=False))


def in_caffe(state: dict[str, Tensor], picture: Tensor, convolutions: int) -> Tensor:
    """Walk the layers as Caffe's description lists them: blue first, 0..255, less the mean."""
    seen = 255 * picture.flip(1) - torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)
    indices = [int(key.split(".")[1]) for key in state if key.endswith("weight")]
    for place, index in enumerate(indices[:convolutions]):
        if place in (2, 4, 8, 12):  # a block begins
            seen = F.max_pool2d(seen, 2)
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        seen = nn.functional.relu(F.conv2d(seen, weight, bias, padding=1))
    return seen


@pytest.mark.parametrize(
    ("layer", "convolutions"), [("relu1_1", 1), ("relu3_1", 5), ("relu4_1", 9)]
)
def test_its_features_are_those_of_caffes_convention(
    network: LossNetwork, state: dict[str, Tensor], layer: str, convolutions: int
) -> None:
    picture = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    seen = network(picture).style[layer]
    expected = in_caffe(state, picture, convolutions)
    edge = 4  # the two conventions pad with colours half a step of 255 apart
    seen, expected = seen[..., edge:-edge, edge:-edge], expected[..., edge:-edge, edge:-edge]
    assert expected.abs().max() > 50
    assert (seen - expected).abs().max() < 0.02 * expected.abs().max()


def test_it_has_the_weights_that_were_published(state: dict[str, Tensor]) -> None:
    """The first biases of the network of 2014, as Caffe's file of it has them."""
    expected = torch.tensor([0.73018, 0.06494, 0.03429, 0.82604, 0.25780, 0.54868])
    torch.testing.assert_close(state["features.0.bias"][:6], expected, rtol=0, atol=1e-4)
    assert len(state) == 32
    assert state["features.34.weight"].shape == (512, 512, 3, 3)


def test_cards_say_whose_weights_they_are(network: LossNetwork) -> None:
    """So that anybody can tell them from torchvision's, and find the very same file."""
    facts = network.weights
    assert facts is not None
    assert facts.origin.startswith("Simonyan and Zisserman's own VGG19")
    assert facts.file == "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
    assert facts.sha256 == "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"


def test_an_edge_is_seen_where_it_is(network: LossNetwork) -> None:
    """A flat picture excites the second block alike everywhere; a line only where it lies."""
    flat = torch.full((1, 3, 64, 64), 0.5)
    line = flat.clone()
    line[..., 40:42] = 0.0
    difference = (network(line).style["relu2_1"] - network(flat).style["relu2_1"]).abs().sum((0, 1))
    columns = difference[8:-8].sum(0)
    assert int(columns.argmax()) in range(19, 22)
    assert columns[4:16].max() == 0


def test_content_is_seen_in_two_layers(network: LossNetwork) -> None:
    picture = torch.rand(1, 3, 64, 64)
    shallow, deep = network.content(picture)
    assert (shallow.shape, deep.shape) == ((1, 256, 16, 16), (1, 512, 8, 8))
    seen = network(picture)
    assert torch.equal(seen.content[0], shallow)
    assert torch.equal(seen.content[1], deep)
