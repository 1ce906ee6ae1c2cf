"""The context of a small training, on one thread."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.run_configs import run_config
from trainer.local.train import (
    TrainingContext,
)
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters


@pytest.fixture
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def context(
    painting: Path, photos: Path, loss_network: LossNetwork
) -> Callable[..., TrainingContext]:
    def make(schedule: str = "0.02:3,1:23", crop: int = 64, seed: int = 1) -> TrainingContext:
        learning = Hyperparameters(batch=2, crop=crop, seed=seed, smoothness=0.1)
        config = run_config(painting, photos, schedule, hyperparameters=learning)
        return TrainingContext(config, loss_network)

    return make
