"""A stage of a measurement goes on where it was stopped."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.bench.training.common.resumable import run_stage
from trainer.loss.objective import StepLoss
from trainer.training.checkpoint import CheckpointRejected

STEPS = 10


class Power(RuntimeError):
    """There is none any more."""


class Adding:
    """A stage whose one weight is the sum of its steps; the power may go at one of them."""

    def __init__(self, fails_at: int = 0) -> None:
        self.weight = torch.zeros(1)
        self.iteration = 0
        self.steps = 0
        self._fails_at = fails_at

    @property
    def done(self) -> bool:
        return self.iteration >= STEPS

    def step(self) -> StepLoss:
        if self.iteration + 1 == self._fails_at:
            raise Power
        self.iteration += 1
        self.steps += 1
        self.weight += self.iteration
        return StepLoss(self.iteration / STEPS, 1 / self.iteration)

    def state(self) -> dict[str, Tensor]:
        return {"net.weight": self.weight}

    def restore(self, state: Mapping[str, Tensor], losses: Iterable[StepLoss]) -> None:
        assert list(losses) == [StepLoss(n / STEPS, 1 / n) for n in range(1, len(list(losses)) + 1)]
        self.iteration = len(list(losses))
        self.weight.copy_(state["net.weight"])

    def close(self) -> None:
        pass


def seconds() -> Iterator[float]:
    """A clock that is looked at once a second."""
    return map(float, count())


def test_a_stopped_stage_repeats_what_came_after_its_last_checkpoint(tmp_path: Path) -> None:
    kept = tmp_path / "stage.checkpoint"
    with pytest.raises(Power):
        run_stage(Adding(fails_at=8), kept, "arm", every=3, clock=seconds().__next__)
    again = Adding()
    spent = run_stage(again, kept, "arm", every=3, clock=seconds().__next__)
    assert again.weight.item() == sum(range(1, STEPS + 1))
    assert 0 < again.steps < STEPS
    assert spent > again.steps  # what came before counts as well
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_arm_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "stage.checkpoint"
    with pytest.raises(Power):
        run_stage(Adding(fails_at=8), kept, "arm", every=0, clock=seconds().__next__)
    with pytest.raises(CheckpointRejected):
        run_stage(Adding(), kept, "another arm", clock=seconds().__next__)
