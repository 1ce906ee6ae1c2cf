"""Weights in Caffe's convention see what torchvision's see, or are refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.unit.trainer.loss.test_network_vgg import torchvisions, vgg_state
from trainer.loss.caffe import CAFFE_MEAN, FIRST_BIASES
from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.weights import WeightsRejected, WeightsSource

FIRST, BIAS = "features.0.weight", "features.0.bias"


def saved(folder: Path, name: str, state: dict[str, Tensor]) -> LossNetwork:
    torch.save(state, folder / f"{name}.pth")
    return load_loss_network(name, WeightsSource(folder=folder))


def seen_in_caffe(name: str, state: dict[str, Tensor], picture: Tensor) -> Tensor:
    """What Caffe's own layers give down to relu2_1: blue first, 0..255, its mean taken away."""
    layers = torchvisions(name, state)
    caffes = 255 * picture.flip(1) - torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)
    return layers[:7](caffes)


def inner(features: Tensor) -> Tensor:
    """Without the border, where the padding of the two conventions is half a step of 255 apart."""
    return features[..., 2:-2, 2:-2]


@pytest.mark.parametrize(("name", "known"), [("vgg16", 0), ("vgg19", 1)])
def test_known_vggs_of_caffe_are_converted(tmp_path: Path, name: str, known: int) -> None:
    """Their first biases are those of the public files; all else is made up."""
    state = vgg_state(name)
    state[BIAS][:6] = torch.tensor(FIRST_BIASES[known])
    picture = torch.rand(1, 3, 48, 48)
    seen = saved(tmp_path, name, state)(picture).style["relu2_1"]
    expected = seen_in_caffe(name, state, picture)
    torch.testing.assert_close(inner(seen), inner(expected), rtol=1e-3, atol=0.05)
    assert expected.abs().max() > 20  # of 0..255, so that the bound above says something
    torch.testing.assert_close(seen, expected, rtol=0.02, atol=2.5)  # with the border


def test_a_vgg_with_caffes_classifier_is_converted(tmp_path: Path) -> None:
    """Converted files number the classifier's layers otherwise than torchvision's do."""
    state = vgg_state("vgg16")
    picture = torch.rand(1, 3, 48, 48)
    expected = seen_in_caffe("vgg16", state, picture)
    for mine, caffes in ((0, 1), (3, 4)):
        for part in ("weight", "bias"):
            state[f"classifier.{caffes}.{part}"] = state.pop(f"classifier.{mine}.{part}")
    seen = saved(tmp_path, "vgg16", state)(picture).style["relu2_1"]
    torch.testing.assert_close(inner(seen), inner(expected), rtol=1e-3, atol=0.05)


def test_torchvisions_own_weights_stay_as_they_are(tmp_path: Path) -> None:
    state = vgg_state("vgg19")
    network = saved(tmp_path, "vgg19", state)
    assert torch.equal(network.state_dict()["features.0.weight"], state[FIRST])
    assert torch.equal(network.state_dict()["features.0.bias"], state[BIAS])


def test_weights_of_caffe_that_were_scaled_already_stay_as_they_are(tmp_path: Path) -> None:
    state = vgg_state("vgg16")
    state[BIAS][:6] = torch.tensor(FIRST_BIASES[0])
    state[FIRST] *= 58
    network = saved(tmp_path, "vgg16", state)
    assert torch.equal(network.state_dict()["features.0.weight"], state[FIRST])


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_a_first_layer_for_0_to_255_of_unknown_origin_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing tells whether it sees blue or red first."""
    state = vgg_state(name)
    state[FIRST] = state[FIRST] / 58
    with pytest.raises(WeightsRejected, match=rf"found for {name} are not in torchvision's scale"):
        saved(tmp_path, name, state)
