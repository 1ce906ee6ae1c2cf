"""A backbone: convolutions that quick styles share, and norms that keep the photo.

Either the convolutions of a strong style as they are, or one net that learns several paintings at
once (`trainer.training.joint`). In the end the convolutions stay as they are, and a last set of
norms learns to keep the photo: those are the norms in the backbone's own file, from which quick
styles start.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from infra.catalogue.card import Intervention
from infra.jobs.domain.schedule import Stage
from trainer.data.painting import read_painting
from trainer.local.checkpoint_file import CheckpointFile
from trainer.local.train import Progress
from trainer.loss.distances import StyleTarget, style_target
from trainer.loss.measure import Measured, measure
from trainer.loss.objective import StepLoss
from trainer.training.context import TrainingContext, to_tensor
from trainer.training.joint import UNNAMED
from trainer.training.joint_run import JointRun
from trainer.training.loop import StageTrainer
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, Backbone, frozen_but_norms
from worker.net import TransformNet
from worker.net.affine import Affine, AffineCard, apply, pack_affine, take_affine
from worker.net.netfile import NetCard, pack

#: Iterations in which the finished backbone's own norms learn to keep the photo.
NEUTRAL_ITERATIONS = 150
#: Iterations between two checkpoints of a joint training.
CHECKPOINT_EVERY = 50


@dataclass(frozen=True, slots=True)
class PaintingTarget:
    """One painting of a backbone."""

    picture: Tensor  # (1, 3, H, W), 0..1
    target: StyleTarget


def read_targets(
    context: TrainingContext, paintings: Mapping[str, Path]
) -> dict[str, PaintingTarget]:
    """Look at paintings, by name, as the context looks at its own; raises CorpusRejected."""
    config = context.config
    pictures = {
        name: to_tensor(read_painting(path, config.painting_side, blur=config.painting_blur))
        for name, path in paintings.items()
    }
    return {
        name: PaintingTarget(picture, style_target(context.loss_network, picture))
        for name, picture in pictures.items()
    }


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished backbone: its file, and what it learned of each painting."""

    file: bytes
    #: Norms of each painting by name.
    affines: dict[str, Affine]

    def write(self, folder: Path, ratio: float) -> None:
        """Write `NAME.safetensors` for each painting, and `backbone.safetensors` last."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, affine in self.affines.items():
            data = pack_affine(affine, AffineCard(name, 0, ratio))
            (folder / f"{name}.safetensors").write_bytes(data)
        (folder / "backbone.safetensors").write_bytes(self.file)


def train_backbone(
    context: TrainingContext,
    targets: Mapping[str, PaintingTarget],
    base: TransformNet,
    *,
    neutral_iterations: int = NEUTRAL_ITERATIONS,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train the paintings of `targets` at once, from a base net, through the config's stages.

    A training that was stopped goes on from the file `checkpoint`. Raises TrainingDiverged where
    the guard gave up, and CheckpointRejected where the file is another training's.
    """
    run = JointRun(context, {name: seen.target for name, seen in targets.items()}, base)
    kept = CheckpointFile(checkpoint) if checkpoint else None
    if kept and (found := kept.read(run.config_digest)):
        run.restore(found)
    try:
        _train_jointly(context, run, kept, on_progress)
    finally:
        run.close()
    affines = {name: run.nets.affine(name) for name in targets}
    keeper = train_neutral(context, run.nets.mean(), neutral_iterations)
    return _finish(context, keeper, affines, neutral_iterations, run.interventions)


def _train_jointly(
    context: TrainingContext,
    run: JointRun,
    kept: CheckpointFile | None,
    on_progress: Callable[[Progress], None],
) -> None:
    while not run.done:
        number, plan = run.stage, context.config.schedule.stages[run.stage]
        loss = run.step()
        done = run.iteration if run.stage == number else plan.iterations
        on_progress(Progress(number, plan.ratio, done, plan.iterations, loss))
        if kept and (run.iteration % CHECKPOINT_EVERY == 0 or run.stage != number):
            kept.write(run.state())


def backbone_of(
    context: TrainingContext,
    strong: TransformNet,
    name: str,
    *,
    iterations: int = NEUTRAL_ITERATIONS,
) -> Trained:
    """Make a backbone of a strong style: its convolutions as they are, and norms that keep photos.

    The style's own norms are its affine, by `name`; the context's painting is the style's.
    """
    own = take_affine(strong, UNNAMED)
    keeper = train_neutral(context, apply(strong, own), iterations)
    return _finish(context, keeper, {name: own}, iterations)


def _steps(trainer: StageTrainer) -> Iterator[StepLoss]:
    try:
        while not trainer.done:
            yield trainer.step()
    finally:
        trainer.close()


def _finish(
    context: TrainingContext,
    keeper: TransformNet,
    affines: Mapping[str, Affine],
    iterations: int,
    interventions: Sequence[Intervention] = (),
) -> Trained:
    """Name the norms by the file of the backbone that they lie over."""
    config = context.config
    provenance = {
        "paintings": list(affines),
        "schedule": str(config.schedule),
        "interventions": [step.model_dump() for step in interventions],
        "neutral_iterations": iterations,
        "command": config.command,
        "loss_network": context.loss_network.name,
        "code_version": config.code_version,
    }
    lowest = config.schedule.stages[0].ratio
    file = pack(keeper, NetCard(config.net, config.name, 0, lowest, provenance))
    sha256 = Backbone.read(file).sha256
    return Trained(file, {n: replace(own, backbone=sha256) for n, own in affines.items()})


def measure_paintings(
    context: TrainingContext, targets: Mapping[str, PaintingTarget], trained: Trained
) -> dict[str, Measured]:
    """Return each painting's distances on held-out photos, by name."""
    backbone, network = Backbone.read(trained.file), context.loss_network
    return {
        name: measure(apply(backbone.net, affine), context.held_out, network, targets[name].target)
        for name, affine in trained.affines.items()
    }


def train_neutral(context: TrainingContext, net: TransformNet, iterations: int) -> TransformNet:
    """Train a net's norms to keep the photo, at the schedule's lowest ratio; returns the net.

    At that ratio the painting hardly matters, so the context's own stands for all.
    """
    hyperparameters = context.config.hyperparameters
    lowest = context.config.schedule.stages[0].ratio
    trainer = StageTrainer(
        net=frozen_but_norms(net),
        loss_network=context.loss_network,
        target=context.target,
        sampler=context.sampler,
        stage=Stage(lowest, iterations),
        hyperparameters=replace(hyperparameters, peak_rate=PEAK_RATE, floor_rate=FLOOR_RATE),
        lowest_ratio=lowest,
        first_photo=context.config.schedule.iterations * hyperparameters.batch,
    )
    for _ in _steps(trainer):
        pass
    return net
