"""Paintings that a backbone learned come as style folders, and a stopped training goes on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from infra.catalogue.card import Intervention, StyleCard, read_card
from trainer.local.backbone import Trained, read_targets, train_backbone
from trainer.local.joint_styles import write_styles
from trainer.local.train import Progress
from trainer.training.checkpoint import CheckpointRejected
from trainer.training.context import TrainingContext
from trainer.training.quick import Backbone
from worker.net import NetConfig, TransformNet
from worker.net.affine import unpack_affine

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


def test_each_painting_becomes_a_style_folder_over_the_backbone(
    context: MakeContext, painting: Path, tmp_path: Path
) -> None:
    made = context()
    step = Intervention(stage=1, ratio=1.0, iteration=2, reason="the loss rose", rate_scale=0.5)
    joint = replace(trained(made, painting), interventions=[step])
    paintings = {"one": painting, "two": painting}
    cards = write_styles(made, joint, paintings, tmp_path, {"one": "One, Somebody, 1900"})
    assert (cards["one"].title, cards["two"].title) == ("One, Somebody, 1900", "two")
    over = Backbone.read(joint.file)
    for name, card in cards.items():
        assert StyleCard.read(tmp_path / name) == card
        assert read_card(tmp_path / name).name == name
        assert card.interventions == [step]
        assert "together with others" in card.notes[-1]
        decided = sorted([s.stage for s in card.stages] + [s.stage for s in card.refused])
        assert decided == [0, 1]
        for stage in card.stages:
            affine, about = unpack_affine((tmp_path / name / stage.file).read_bytes())
            assert affine.backbone == over.sha256
            assert (about.style, about.stage, about.ratio) == (name, stage.stage, stage.ratio)
            assert torch.equal(affine.values, joint.ladders[name][stage.stage].values)
        shown = sum(stage.iterations for stage in [*card.stages, *card.refused])
        assert shown == sum(len(losses) for losses in joint.history[name])
    crops = sum(len(losses) for seen in joint.history.values() for losses in seen)
    assert crops == made.config.schedule.iterations * made.config.hyperparameters.batch
    assert (tmp_path / "two" / "contact-sheet.jpg").exists()
