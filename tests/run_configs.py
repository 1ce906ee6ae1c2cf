"""The config of a training that is as small as it can be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.jobs.domain.schedule import Schedule
from trainer.loss.objective import Hyperparameters
from trainer.training.context import RunConfig
from worker.net import NetConfig


def run_config(painting: Path, photos: Path, schedule: str, **changes: Any) -> RunConfig:  # noqa: ANN401
    """Return the config of a style of stripes, with other fields than usual by name."""
    usual = RunConfig(
        name="stripes",
        title="Stripes",
        licence="CC0-1.0",
        painting=painting,
        photos=photos,
        schedule=Schedule.parse(schedule),
        net=NetConfig(2, 1),
        hyperparameters=Hyperparameters(batch=1, crop=48),
        painting_side=64,
        code_version="0",
        command="train",
        reproduce="reproduce",
    )
    return replace(usual, **changes)
