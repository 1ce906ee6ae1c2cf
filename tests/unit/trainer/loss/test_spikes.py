"""Features that run away in one place are told from others, and can be trained away."""

import pytest
import torch
from torch import Tensor

from trainer.loss import spikes
from trainer.loss.spikes import USUAL, spiky, watched
from worker.net import NetConfig, TransformNet

CONFIG = NetConfig(2, 2)


def noise() -> Tensor:
    return torch.randn(2, 4, 48, 48, generator=torch.Generator().manual_seed(1))


def with_spike(height: float) -> Tensor:
    """Noise with a patch of 3×3 in one of four channels that is as high as that."""
    features = noise()
    features[:, 2, 10:13, 20:23] += height
    return features


def test_usual_features_have_no_spikes() -> None:
    assert spiky(noise()) == 0
    assert spiky(noise() * 1000 + 5) == 0
    assert spiky(torch.full((1, 3, 8, 8), 0.7)) == 0


def test_higher_spikes_count_more() -> None:
    weak, strong = spiky(with_spike(12)), spiky(with_spike(18))
    assert 0 < weak < strong
    assert spiky(10 * with_spike(18)) == pytest.approx(strong.item(), rel=1e-4), "whatever the unit"


def test_one_channel_of_four_with_twice_the_usual_is_a_quarter() -> None:
    """A share p of ones among zeros has a kurtosis of about 1 / p."""
    features = torch.zeros(1, 4, 60, 60)
    ones = round(3600 / (2 * USUAL))
    features[0, 1].view(-1)[:ones] = 1
    assert spiky(features) == pytest.approx(0.25, abs=0.05)


def test_late_layers_are_watched_while_a_net_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Tensor] = []

    def look(features: Tensor, _usual: float) -> Tensor:
        looks.append(features)
        return torch.tensor(float(len(looks)))

    monkeypatch.setattr(spikes, "spiky", look)
    one, other = TransformNet(CONFIG), TransformNet(CONFIG)
    photo = torch.rand(1, 3, 32, 32)
    with watched([one, other, one, lambda crop: crop]) as watch:
        assert watch.spikiness() == 0, "nothing yet"
        one(photo)
        other(photo)
    assert len(looks) == 2 * (2 + 2), "two blocks and two layers up of each"
    assert watch.spikiness() == pytest.approx(4.5)
    one(photo)
    assert len(looks) == 2 * (2 + 2), "no longer"


def spikiness_after(weight: float) -> float:
    """Train a net whose late features are spiky for some steps; return how spiky they are."""
    torch.manual_seed(0)
    net = TransformNet(CONFIG)
    random = torch.Generator().manual_seed(3)
    photo = torch.rand(1, 3, 64, 64, generator=random) * 0.02
    photo[..., 30:33, 30:33] = 1
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    watch = spikes.SpikeWatch([net])
    for _ in range(30):
        with watch:
            painted = net(photo)
        optimizer.zero_grad()
        ((painted - photo).square().mean() + weight * watch.spikiness()).backward()
        optimizer.step()
    return watch.spikiness().item()


def test_a_watched_net_learns_to_do_without() -> None:
    assert spikiness_after(1.0) < 0.5 * spikiness_after(0.0)


def test_spikes_can_be_trained_away() -> None:
    torch.manual_seed(0)
    features = with_spike(15).requires_grad_()
    optimizer = torch.optim.Adam([features], lr=0.1)
    before = spiky(features).item()
    for _ in range(40):
        optimizer.zero_grad()
        loss = spiky(features)
        loss.backward()
        optimizer.step()
    assert spiky(features).item() < 0.5 * before


def test_what_is_above_zero_in_half_of_the_channels_is_not_pressed() -> None:
    features = torch.tensor([2.0, 1.0, -5.0, -9.0]).view(1, 4, 1, 1).repeat(1, 1, 8, 8)
    assert spikes.pressed(features) == 0


def test_a_place_where_one_channel_is_left_counts_by_its_area() -> None:
    features = torch.zeros(1, 4, 10, 10)
    features[:, :, :, ::2] = 1.0
    none, features = features.clone(), features.clone()
    features[:, 1:, :2] = -40.0
    assert spikes.pressed(none) == 0
    small = spikes.pressed(features)
    features[:, 1:, 2:4] = -40.0
    assert 0 < small < spikes.pressed(features)


def test_a_watched_net_learns_to_leave_half_of_its_channels() -> None:
    torch.manual_seed(0)
    net = TransformNet(CONFIG)
    norm = net.up[-1].get_submodule("norm")
    with torch.no_grad():
        norm.get_parameter("shift").fill_(-1.5)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    watch, seen = spikes.SpikeWatch([net]), list[float]()
    assert watch.pressed() == 0, "nothing yet"
    for _ in range(60):
        with watch:
            net(torch.rand(1, 3, 32, 32))
        optimizer.zero_grad()
        loss = watch.pressed()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert seen[-1] < 0.5 * seen[0]
