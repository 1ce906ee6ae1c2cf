"""The context of a small training of a tiny net."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run_configs import run_config
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.training.context import TrainingContext


@pytest.fixture
def context(
    painting: Path, photos: Path, loss_network: LossNetwork
) -> Callable[..., TrainingContext]:
    def make(schedule: str = "0.02:3,1:3", rate: float = 1e-3) -> TrainingContext:
        learning = Hyperparameters(batch=2, crop=64, peak_rate=rate, floor_rate=rate / 10)
        config = run_config(painting, photos, schedule, hyperparameters=learning)
        return TrainingContext(config, loss_network)

    return make
