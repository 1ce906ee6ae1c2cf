"""Small real parts for the trainer's tests: a loss network, a corpus, a painting."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.torchvision_import import models
from trainer.loss.weights import WeightsSource


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a state dict in torchvision's own format, of an untrained SqueezeNet 1.1."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    state = models.get_model("squeezenet1_1", weights=None).state_dict()
    safetensors.torch.save_file(state, folder / "squeezenet1_1.safetensors")
    return folder


@pytest.fixture(scope="session")
def loss_network(weights_folder: Path) -> LossNetwork:
    return load_loss_network("squeezenet1_1", WeightsSource(folder=weights_folder))


@pytest.fixture(scope="session")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A striped picture of two colours."""
    stripes = np.zeros((96, 128, 3), np.uint8)
    stripes[::8] = (200, 120, 30)
    path = tmp_path_factory.mktemp("painting") / "stripes.png"
    Image.fromarray(stripes).save(path)
    return path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of smooth noise, of mixed sizes and formats."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(5)
    for index in range(8):
        coarse = random.integers(0, 256, (4 + index, 9, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((400, 300 + 10 * index), Image.Resampling.BICUBIC)
        (folder / str(index % 2)).mkdir(exist_ok=True)
        picture.save(folder / str(index % 2) / f"{index}.{'jpg' if index % 3 else 'png'}")
    return folder
