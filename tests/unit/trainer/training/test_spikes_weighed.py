"""Trainings of convolutions hold spiky features back, by the weight that is on their cards."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from trainer.card import weights_sha256
from trainer.loss import spikes
from trainer.loss.objective import StepLoss
from trainer.training.context import TrainingContext

pytestmark = pytest.mark.usefixtures("_one_thread")
MakeContext = Callable[..., TrainingContext]


def learned(context: MakeContext, weight: float) -> tuple[list[StepLoss], str]:
    """Take two steps at a weight of spikes; return their distances and a hash of the net."""
    made = context()
    hyperparameters = replace(made.config.hyperparameters, spikes=weight)
    weighed = TrainingContext(
        replace(made.config, hyperparameters=hyperparameters), made.loss_network
    )
    net = weighed.first_net()
    trainer = weighed.stage_trainer(0, net)
    seen = [trainer.step(), trainer.step()]
    trainer.close()
    return seen, weights_sha256(net)


def test_the_weight_decides_what_a_step_learns(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first distances are of the net before it; with a weight of 0 nothing is looked at."""
    real = spikes.spiky
    monkeypatch.setattr(spikes, "spiky", lambda features, _: real(features, 1.0))  # all are spiky
    (before, net), (weighed, other) = learned(context, 0.0), learned(context, 1.0)
    assert before[0] == weighed[0]
    assert other != net
    monkeypatch.setattr(spikes, "spiky", lambda *_: torch.tensor(float("nan")))
    assert learned(context, 0.0) == (before, net)
