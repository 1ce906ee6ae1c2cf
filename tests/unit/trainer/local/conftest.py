"""The context of a small training of a tiny net."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.jobs.domain.schedule import Schedule
from trainer.loss.network import LossNetwork
from trainer.loss.objective import Hyperparameters
from trainer.training.context import RunConfig, TrainingContext
from worker.net import NetConfig


@pytest.fixture
def context(
    painting: Path, photos: Path, loss_network: LossNetwork
) -> Callable[..., TrainingContext]:
    def make(schedule: str = "0.02:3,1:3", rate: float = 1e-3) -> TrainingContext:
        config = RunConfig(
            name="stripes",
            title="Stripes",
            licence="CC0-1.0",
            painting=painting,
            photos=photos,
            schedule=Schedule.parse(schedule),
            net=NetConfig(2, 1),
            hyperparameters=Hyperparameters(batch=2, crop=64, peak_rate=rate, floor_rate=rate / 10),
            painting_side=64,
            code_version="0",
            command="train",
            reproduce="reproduce",
        )
        return TrainingContext(config, loss_network)

    return make
