"""A backbone whose training was stopped goes on from its own checkpoint, and from no other."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trainer.local.backbone import Trained, read_targets, train_backbone
from trainer.local.train import Progress
from trainer.training.checkpoint import CheckpointRejected
from trainer.training.context import TrainingContext
from worker.net import NetConfig, TransformNet

CONFIG = NetConfig(2, 1)
MakeContext = Callable[..., TrainingContext]


class Stopped(Exception):
    """The process was killed here."""


def trained(
    context: TrainingContext,
    painting: Path,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    torch.manual_seed(0)
    return train_backbone(
        context,
        read_targets(context, {"one": painting, "two": painting}),
        TransformNet(CONFIG),
        neutral_iterations=1,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )


def test_a_stopped_training_goes_on_to_the_same_bytes(
    context: MakeContext, painting: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    seen: list[tuple[int, int]] = []

    def stop(now: Progress) -> None:
        seen.append((now.stage, now.iteration))
        if (now.stage, now.iteration) == (1, 1) and len(seen) < 5:
            raise Stopped

    with pytest.raises(Stopped):
        trained(context(), painting, path, stop)
    again = trained(context(), painting, path, stop)
    assert seen == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 1), (1, 2), (1, 3)]
    assert again.file == trained(context(), painting).file


def test_another_trainings_checkpoint_is_refused(
    context: MakeContext, painting: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    trained(context("0.02:1"), painting, path)
    with pytest.raises(CheckpointRejected, match="another training"):
        trained(context("0.02:2"), painting, path)
