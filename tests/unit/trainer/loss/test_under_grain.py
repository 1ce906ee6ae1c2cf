"""Training lays a net's grain on what it paints, and compares with photos as they are."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from infra.jobs.domain.schedule import Stage
from trainer.loss.distances import StyleTarget, style_target
from trainer.loss.measure import measure
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters, JointObjective, Objective
from worker.net import NetConfig, TransformNet
from worker.net.grain import laid

#: Shows a batch to an objective of a grain, at an iteration: what is painted, and the distances.
Show = Callable[[float, Tensor, int], tuple[Tensor, float]]


def target(network: LossNetwork) -> StyleTarget:
    torch.manual_seed(4)
    return style_target(network, torch.rand(1, 3, 64, 64))


def alone(network: LossNetwork) -> Show:
    def show(grain: float, photo: Tensor, iteration: int) -> tuple[Tensor, float]:
        objective = Objective(
            network, Hyperparameters(), Stage(1.0, 9), lowest_ratio=1.0, first_photo=8, grain=grain
        )
        seen: list[Tensor] = []

        def unchanged(x: Tensor) -> Tensor:
            seen.append(x)
            return x

        _, step = objective(unchanged, target(network), photo, iteration)
        return seen[0], step.content

    return show


def jointly(network: LossNetwork) -> Show:
    def show(grain: float, photo: Tensor, iteration: int) -> tuple[Tensor, float]:
        objective = JointObjective(
            network, Hyperparameters(), ratio=1.0, lowest_ratio=1.0, grain=grain
        )
        seen: list[Tensor] = []

        def unchanged(x: Tensor) -> Tensor:
            seen.append(x)
            return x

        targets = [target(network)] * len(photo)
        _, step = objective([unchanged] * len(photo), targets, photo, iteration * len(photo))
        return torch.cat(seen), step.content

    return show


@pytest.mark.parametrize("way", [alone, jointly])
def test_crops_are_painted_under_grain_and_compared_without(
    way: Callable[[LossNetwork], Show], loss_network: LossNetwork
) -> None:
    """Each at a place of its own, which the seed and the position decide."""
    show = way(loss_network)
    photo = torch.full((2, 3, 48, 48), 0.5)
    painted, content = show(10.0, photo, 3)
    steps = painted.mul(255)
    assert steps.std().item() == pytest.approx(10, rel=0.2)
    assert steps.mean().item() == pytest.approx(128, abs=3)
    assert torch.equal(painted[:, 0], painted[:, 2])
    assert not torch.equal(painted[0], painted[1])
    assert not torch.equal(show(10.0, photo, 4)[0], painted)
    assert torch.equal(show(10.0, photo, 3)[0], painted)
    assert content > 0, "what is painted differs from the photo by the grain"


@pytest.mark.parametrize("way", [alone, jointly])
def test_without_grain_a_batch_is_painted_as_it_is(
    way: Callable[[LossNetwork], Show], loss_network: LossNetwork
) -> None:
    photo = torch.rand(2, 3, 48, 48)
    painted, content = way(loss_network)(0.0, photo, 3)
    assert torch.equal(painted, photo)
    assert content == 0


def test_a_net_is_measured_as_it_paints(loss_network: LossNetwork) -> None:
    """Under its grain, which is laid at the photo's corner."""
    seen: list[Tensor] = []

    class Watched(TransformNet):
        def forward(self, photo: Tensor) -> Tensor:
            seen.append(photo)
            return super().forward(photo)

    photo = torch.full((1, 3, 48, 40), 128 / 255)
    measure(Watched(NetConfig(2, 1, grain=6.0)), [photo], loss_network, target(loss_network))
    rgb = np.full((48, 40, 3), 128, np.uint8)
    expected = torch.from_numpy(laid(rgb, 6.0)).permute(2, 0, 1).float() / 255
    torch.testing.assert_close(seen[0][0], expected)
