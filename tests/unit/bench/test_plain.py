"""The plain step is what it claims to be."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tests.bench.common.plain import PlainLoader, plain_losses, plain_scale
from tests.bench.common.plain_net import plain_net
from tests.bench.training.common.pictures import draw_de_stijl
from trainer.loss.distances import gram, style_target
from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.torchvision_import import models
from trainer.loss.weights import WeightsSource
from worker.net import NetConfig, TransformNet


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> LossNetwork:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    torch.save(
        models.get_model("squeezenet1_1", weights=None).state_dict(), folder / "squeezenet1_1.pth"
    )
    return load_loss_network("squeezenet1_1", WeightsSource(folder=folder))


def test_plain_losses_are_squared_errors(network: LossNetwork) -> None:
    painted, photo = torch.rand(2, 3, 48, 48), torch.rand(2, 3, 48, 48)
    target = style_target(network, torch.rand(1, 3, 48, 48))
    a, b = network(painted), network(photo)
    content, style = plain_losses(a, b, target)
    torch.testing.assert_close(content, F.mse_loss(a.content[0], b.content[0]))
    by_hand = sum(
        ((gram(f[i : i + 1])[0] - target.grams[name]) / f.shape[1]).square().sum() / 2
        for name, f in a.style.items()
        for i in range(2)
    )
    torch.testing.assert_close(style, by_hand)


def test_the_scale_turns_energies_into_each_other(network: LossNetwork) -> None:
    """A black result is at distance 1 of either kind, so both plain losses must weigh alike."""
    photo = torch.rand(1, 3, 48, 48)
    target = style_target(network, photo)
    seen = network(photo)
    nothing = type(seen)(
        (torch.zeros_like(seen.content[0]),),
        {n: torch.zeros_like(f) for n, f in seen.style.items()},
    )
    content, style = plain_losses(nothing, seen, target)
    torch.testing.assert_close(content, plain_scale(network, [photo], target) * style)


def test_the_plain_loader_crops_photos(tmp_path: Path) -> None:
    path = draw_de_stijl(tmp_path / "picture.png")
    batch = PlainLoader([path], crop=64).batch(2)
    assert batch.shape == (2, 3, 64, 64)
    assert batch.is_contiguous()
    assert 0 <= batch.min() < batch.max() <= 1


def test_the_plain_net_is_the_trainers_computed_layer_by_layer() -> None:
    torch.manual_seed(1)
    plain = plain_net(NetConfig(4, 1))
    ours = TransformNet(NetConfig(4, 1)).train()
    ours.load_state_dict(plain.state_dict())
    photo = torch.rand(2, 3, 41, 38)
    torch.testing.assert_close(ours(photo), plain(photo), rtol=1e-4, atol=1e-4)


def test_the_made_picture_is_the_same_every_time(tmp_path: Path) -> None:
    one, two = (draw_de_stijl(tmp_path / f"{n}.png").read_bytes() for n in "ab")
    assert one == two
