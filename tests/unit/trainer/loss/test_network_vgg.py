"""VGG19 and VGG16 from files of torchvision's own format, through the same code as any network."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from tests.run_configs import run_config
from trainer.data.corpus import PhotoFolder
from trainer.loss.network import TAPS, LossNetwork, load_loss_network
from trainer.loss.objective import Hyperparameters
from trainer.loss.torchvision_import import models
from trainer.loss.weights import WeightsRejected, WeightsSource
from trainer.training.context import TrainingContext
from trainer.training.run import TrainingRun


def vgg_state(name: str) -> dict[str, Tensor]:
    """Untrained weights under every name and of every shape that torchvision's have.

    The classifier, which is most of them and never read, is one zero, repeated.
    """
    with torch.device("meta"):
        shapes = {key: weight.shape for key, weight in models.get_model(name).state_dict().items()}
    random = torch.Generator().manual_seed(1)
    state: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        if key.startswith("features."):
            scale = (
                2 / shape[1:].numel()
            ) ** 0.5  # as He et al. (2015): activations keep their size
            state[key] = torch.randn(shape, generator=random) * scale
        else:
            state[key] = torch.zeros(1).expand(shape)
    return state


def write_weights(folder: Path, name: str, suffix: str) -> dict[str, Tensor]:
    """Write a state dict; as safetensors in half precision, which has no repeated values."""
    state = vgg_state(name)
    if suffix == ".pth":
        torch.save(state, folder / f"{name}.pth")
        return state
    state = {key: weight.half().contiguous() for key, weight in state.items()}
    safetensors.torch.save_file(state, folder / f"{name}.safetensors")
    return state


def torchvisions(name: str, state: dict[str, Tensor]) -> nn.Sequential:
    """Torchvision's own layers with the weights that it would load itself."""
    with torch.device("meta"):
        model = models.get_model(name)
    model.load_state_dict({key: weight.float() for key, weight in state.items()}, assign=True)
    assert isinstance(model.features, nn.Sequential)
    return model.features


@pytest.mark.parametrize(
    ("name", "suffix"), [("vgg19", ".pth"), ("vgg19", ".safetensors"), ("vgg16", ".pth")]
)
def test_every_tap_is_what_torchvisions_own_layers_give(
    tmp_path: Path, name: str, suffix: str
) -> None:
    state = write_weights(tmp_path, name, suffix)
    network = load_loss_network(name, WeightsSource(folder=tmp_path))
    expected = torchvisions(name, state)
    picture = torch.rand(1, 3, 32, 32)
    seen = network(picture)
    x = (picture - network.mean) / network.std
    for layer, index in TAPS[name].layers.items():
        content = dict(zip(TAPS[name].content, seen.content, strict=True))
        tapped = content[layer] if layer in content else seen.style[layer]
        torch.testing.assert_close(tapped, expected[: index + 1](x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_a_net_is_trained_under_vgg(
    tmp_path: Path, name: str, painting: Path, photos: Path
) -> None:
    """From the file to the first stage that can be published."""
    write_weights(tmp_path, name, ".pth")
    network = load_loss_network(name, WeightsSource(folder=tmp_path))
    run = TrainingRun(small_context(network, painting, photos))
    while not run.stage_ready:
        run.step()
    end = run.end_stage()
    run.close()
    assert end is not None
    assert end.data
    assert run.card.training.loss_network == name
    assert run.card.stages[0].held_out.style > 0


def small_context(network: LossNetwork, painting: Path, photos: Path) -> TrainingContext:
    config = run_config(
        painting,
        photos,
        "0.02:1",
        hyperparameters=Hyperparameters(batch=1, crop=32),
        painting_side=32,
    )
    return TrainingContext(config, network, PhotoFolder(photos, side=32))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    write_weights(tmp_path, "vgg16", ".pth")
    (tmp_path / "vgg16.pth").rename(tmp_path / "vgg19.pth")
    with pytest.raises(WeightsRejected, match=r"found for vgg19 are another network's.*features"):
        load_loss_network("vgg19", WeightsSource(folder=tmp_path))
