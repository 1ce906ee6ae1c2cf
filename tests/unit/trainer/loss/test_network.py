"""Loss networks tap torchvision's layers where the papers say."""

from pathlib import Path

import pytest
import torch
from torch import nn

from trainer.loss.network import TAPS, LossNetwork, UnknownLossNetwork, load_loss_network
from trainer.loss.torchvision_import import models
from trainer.loss.weights import WeightsMissing, WeightsRejected, WeightsSource
from trainer.training.context import file_sha256


def vgg_names(features: nn.Sequential) -> dict[int, str]:
    """Name VGG's layers as the papers do: reluBLOCK_NUMBER, blocks parted by pooling."""
    names: dict[int, str] = {}
    block, number = 1, 0
    for index, layer in enumerate(features):
        if isinstance(layer, nn.Conv2d):
            number += 1
        elif isinstance(layer, nn.ReLU):
            names[index] = f"relu{block}_{number}"
        else:
            block, number = block + 1, 0
    return names


def squeeze_names(features: nn.Sequential) -> dict[int, str]:
    """Name SqueezeNet's layers as its paper does: conv1, then fire2, fire3, …"""
    fires = [i for i, layer in enumerate(features) if type(layer).__name__ == "Fire"]
    return {1: "conv1"} | {index: f"fire{n}" for n, index in enumerate(fires, start=2)}


@pytest.mark.parametrize("name", TAPS)
def test_taps_are_the_layers_that_their_names_say(name: str) -> None:
    with torch.device("meta"):
        features = models.get_model(name.removesuffix("_original"), weights=None).features
    assert isinstance(features, nn.Sequential)
    names = vgg_names(features) if name.startswith("vgg") else squeeze_names(features)
    for layer, index in TAPS[name].layers.items():
        assert names[index] == layer
    used = {*TAPS[name].content, *TAPS[name].style}
    assert used <= set(TAPS[name].layers)


def test_layers_behind_the_deepest_tap_are_not_run(loss_network: LossNetwork) -> None:
    assert len(loss_network.features) == max(TAPS["squeezenet1_1"].layers.values()) + 1


def test_a_loss_network_does_not_learn(loss_network: LossNetwork) -> None:
    assert not any(p.requires_grad for p in loss_network.parameters())


def test_pth_state_dicts_serve_as_well(tmp_path: Path, weights_folder: Path) -> None:
    state = WeightsSource(folder=weights_folder).read("squeezenet1_1").state
    saved = tmp_path / "state.pth"
    torch.save(state, saved)
    # torchvision's own names end in the first digits of the file's hash.
    saved.rename(tmp_path / f"squeezenet1_1-{file_sha256(saved)[:8]}.pth")
    again = WeightsSource(folder=tmp_path).read("squeezenet1_1").state
    assert all(torch.equal(again[name], weight) for name, weight in state.items())


def test_a_pickle_with_code_in_it_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "squeezenet1_1.pth")
    with pytest.raises(WeightsRejected, match="not a readable state dict"):
        WeightsSource(folder=tmp_path).read("squeezenet1_1")


def test_a_state_dict_of_other_things_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": [1.0]}, tmp_path / "squeezenet1_1.pth")
    with pytest.raises(WeightsRejected, match="another network's"):
        load_loss_network("squeezenet1_1", WeightsSource(folder=tmp_path))


def test_missing_weights_say_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The download is tried for real; a proxy that refuses stands for a closed network."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    with pytest.raises(WeightsMissing, match=r"vgg19-\w+\.pth .*IMPASTO_LOSS_WEIGHTS"):
        WeightsSource(folder=tmp_path).read("vgg19")


def test_an_unknown_loss_network_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UnknownLossNetwork, match="vgg19, vgg16, squeezenet1_0"):
        load_loss_network("resnet", WeightsSource(folder=tmp_path))
