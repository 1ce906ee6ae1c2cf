"""The context of a small training, on one thread."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from infra.jobs.domain.schedule import Schedule
from trainer.local.train import (
    RunConfig,
    TrainingContext,
)
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from worker.net import NetConfig


@pytest.fixture
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def context(
    painting: Path, photos: Path, loss_network: LossNetwork
) -> Callable[..., TrainingContext]:
    def make(schedule: str = "0.02:3,1:23", crop: int = 64, seed: int = 1) -> TrainingContext:
        config = RunConfig(
            name="stripes",
            title="Stripes",
            licence="CC0-1.0",
            painting=painting,
            photos=photos,
            schedule=Schedule.parse(schedule),
            net=NetConfig(2, 1),
            hyperparameters=Hyperparameters(batch=2, crop=crop, seed=seed, smoothness=0.1),
            painting_side=64,
            code_version="0",
            command="train",
            reproduce="reproduce",
        )
        return TrainingContext(config, loss_network)

    return make
