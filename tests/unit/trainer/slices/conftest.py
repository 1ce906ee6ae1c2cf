"""Trainers over fake deployments, each in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.fakes.trainer import FILE_BYTES, LENIENT, LIMITS, MakeTrainer, Trainer
from trainer.loss.network import LossNetwork
from trainer.schedule.guard import GuardRules
from worker.pixels.decoder import PhotoDecoder


@pytest.fixture
def make(tmp_path: Path, loss_network: LossNetwork, painting: Path, photos: Path) -> MakeTrainer:
    torch.set_num_threads(1)
    made = iter(range(100))

    def trainer(rules: GuardRules = LENIENT, other_painting: Path | None = None) -> Trainer:
        folder = tmp_path / str(next(made))
        return Trainer(folder, loss_network, other_painting or painting, photos, rules)

    return trainer


@pytest.fixture(scope="module")
def mortal() -> Iterator[PhotoDecoder]:
    """A decoder that can be told to die."""
    program = "tests.fakes.mortal_decoder"
    with PhotoDecoder(LIMITS, max_file_bytes=FILE_BYTES, program=program) as decoder:
        yield decoder
