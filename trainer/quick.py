"""Quick styles: a new painting teaches nothing but an affine over a backbone, stage by stage.

The stages are those of any style. The first starts from the norms in the backbone's own file, a
near-identity, so a quick style's weakest version keeps the photo and its strength is a path of
affines.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.measure import Measured
from trainer.training import Progress, Studio, file_sha256
from worker.affine import (
    Affine,
    AffineCard,
    apply,
    is_norm_weight,
    pack_affine,
    rounded,
    take_affine,
)
from worker.net import TransformNet
from worker.netfile import unpack

#: Highest and lowest learning rate of a quick style's stages. Norms stand much more than
#: convolutions do, and have much less time.
PEAK_RATE = 1e-2
FLOOR_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone as its file holds it: the net, and the file's SHA-256 (hex)."""

    net: TransformNet
    sha256: str

    @classmethod
    def read(cls, data: bytes) -> "Backbone":
        """Read a backbone's file, which is an ordinary net file; raises NetFileRejected."""
        return cls(unpack(data)[0], hashlib.sha256(data).hexdigest())

    @property
    def neutral(self) -> Affine:
        """The norms in the file itself: near identity, where every quick style starts."""
        return take_affine(self.net, self.sha256)


@dataclass(frozen=True, slots=True)
class QuickStage:
    """One finished stage of a quick style."""

    stage: int
    ratio: float
    affine: Affine
    #: The affine's file.
    data: bytes
    held_out: Measured
    seconds: float


def train_quick(
    studio: Studio,
    backbone: Backbone,
    *,
    start: Affine | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Iterator[QuickStage]:
    """Train the painting's affine through the order's stages, yielding each as it ends.

    `start` is where the first stage begins; without it, the backbone's near-identity.
    """
    affine = start or backbone.neutral
    for stage in range(len(studio.order.schedule.stages)):
        begun = time.monotonic()
        affine = _train_stage(studio, backbone, affine, stage, on_progress)
        seconds = time.monotonic() - begun
        ratio = studio.order.schedule.stages[stage].ratio
        yield QuickStage(
            stage=stage,
            ratio=ratio,
            affine=affine,
            data=pack_affine(affine, affine_card(studio, stage)),
            held_out=studio.measure(apply(backbone.net, affine)),
            seconds=seconds,
        )


def _train_stage(
    studio: Studio,
    backbone: Backbone,
    start: Affine,
    stage: int,
    on_progress: Callable[[Progress], None],
) -> Affine:
    net = frozen_but_norms(apply(backbone.net, start))
    trainer = studio.stage_trainer(stage, net)
    plan = studio.order.schedule.stages[stage]
    while not trainer.done:
        loss = trainer.step()
        on_progress(Progress(stage, plan.ratio, trainer.iteration, plan.iterations, loss))
    return rounded(take_affine(net, backbone.sha256))


def frozen_but_norms(net: TransformNet) -> TransformNet:
    """Let a net learn by its norms alone; returns the net itself."""
    for name, weight in net.named_parameters():
        weight.requires_grad_(is_norm_weight(name))
    return net


def affine_card(studio: Studio, stage: int) -> AffineCard:
    """Return what the file of a quick style's stage says of its making."""
    order = studio.order
    provenance = {
        "painting_sha256": file_sha256(order.painting),
        "schedule": str(order.schedule),
        "loss_network": studio.loss_network.name,
        "code_version": order.code_version,
        "licence": order.licence,
    }
    return AffineCard(order.name, stage, order.schedule.stages[stage].ratio, provenance)


def write_quick(
    studio: Studio,
    backbone: Backbone,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> list[QuickStage]:
    """Train a quick style into a folder: `stage-N.safetensors`, each written as it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    stages: list[QuickStage] = []
    for done in train_quick(studio, backbone, on_progress=on_progress):
        (folder / f"stage-{done.stage}.safetensors").write_bytes(done.data)
        stages.append(done)
    return stages
