"""A backbone: convolutions that quick styles share, and norms that keep the photo.

Either the convolutions of a strong style as they are, or one net that learns several paintings at
once, each with norms of its own (Dumoulin et al., 2017): every step shows one painting, in turn;
its gradients reach the shared convolutions and that painting's norms. The stages are those of any
style. In the end the convolutions stay as they are, and a last set of norms learns to keep the
photo: those are the norms in the backbone's own file, from which quick styles start.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from infra.jobs.domain.schedule import Stage
from trainer.data.painting import read_painting
from trainer.local.train import Progress
from trainer.loss.distances import StyleTarget, style_target
from trainer.loss.measure import Measured, measure
from trainer.loss.objective import Hyperparameters, Objective, StepLoss
from trainer.schedule.learning_rate import learning_rate
from trainer.training.context import TrainingContext, to_tensor
from trainer.training.loop import StageTrainer
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, Backbone, frozen_but_norms
from worker.net import TransformNet
from worker.net.affine import Affine, AffineCard, apply, pack_affine, take_affine
from worker.net.netfile import NetCard, pack

#: Iterations in which the finished backbone's own norms learn to keep the photo.
NEUTRAL_ITERATIONS = 150
#: Stands for the backbone's hash while there is none: the convolutions still change.
_UNNAMED = "0" * 64


@dataclass(frozen=True, slots=True)
class PaintingTarget:
    """One painting of a backbone."""

    picture: Tensor  # (1, 3, H, W), 0..1
    target: StyleTarget


def read_targets(
    context: TrainingContext, paintings: Mapping[str, Path]
) -> dict[str, PaintingTarget]:
    """Look at paintings, by name, as the context looks at its own; raises CorpusRejected."""
    pictures = {
        name: to_tensor(read_painting(path, context.config.painting_side))
        for name, path in paintings.items()
    }
    return {
        name: PaintingTarget(picture, style_target(context.loss_network, picture))
        for name, picture in pictures.items()
    }


class BackboneTrainer:
    """Trains nets that share their convolutions through one stage; `step` until `done`."""

    def __init__(
        self,
        *,
        context: TrainingContext,
        nets: Mapping[str, TransformNet],
        targets: Mapping[str, PaintingTarget],
        stage: int,
    ) -> None:
        schedule = context.config.schedule
        self._nets = [nets[name].train() for name in targets]
        self._targets = list(targets.values())
        self._stage: Stage = schedule.stages[stage]
        self._hyperparameters: Hyperparameters = context.config.hyperparameters
        # Shared weights are one and the same in all nets, and belong to the optimiser once.
        weights = dict.fromkeys(weight for net in self._nets for weight in net.parameters())
        self._optimizer = torch.optim.Adam(
            list(weights), lr=self._hyperparameters.peak_rate, fused=True
        )
        before = sum(s.iterations for s in schedule.stages[:stage])
        first_photo = before * self._hyperparameters.batch
        self._objective = Objective(
            context.loss_network,
            self._hyperparameters,
            self._stage,
            lowest_ratio=schedule.stages[0].ratio,
            first_photo=first_photo,
        )
        self._batches = context.sampler.batches(first_photo, self._hyperparameters.batch)
        self.iteration = 0

    @property
    def done(self) -> bool:
        """Whether the stage has had all its iterations."""
        return self.iteration >= self._stage.iterations

    def step(self) -> StepLoss:
        """Train one painting on one batch and return its distances before the step."""
        turn = self.iteration % len(self._nets)
        self._set_rate()
        target = self._targets[turn].target
        loss, seen = self._objective(self._nets[turn], target, next(self._batches), self.iteration)
        # Norms of paintings whose turn it is not have no gradient, and Adam leaves them alone.
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self.iteration += 1
        return seen

    def close(self) -> None:
        """End the threads that decode ahead."""
        self._batches.close()

    def _set_rate(self) -> None:
        hyperparameters = self._hyperparameters
        rate = learning_rate(
            self.iteration,
            self._stage.iterations,
            peak=hyperparameters.peak_rate,
            floor=hyperparameters.floor_rate,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished backbone: its file, and the affine of each painting that it learned."""

    file: bytes
    affines: dict[str, Affine]
    #: Each painting's distances on held-out photos, by name.
    held_out: dict[str, Measured]

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
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train the paintings of `targets` at once, from a base net, through the config's stages."""
    neutral = take_affine(base, _UNNAMED)
    nets = {name: apply(base, neutral) for name in targets}
    for number, stage in enumerate(context.config.schedule.stages):
        trainer = BackboneTrainer(context=context, nets=nets, targets=targets, stage=number)
        for loss in _steps(trainer):
            now = trainer.iteration
            on_progress(Progress(number, stage.ratio, now, stage.iterations, loss))
        for net in nets.values():
            round_weights(net)
    return _finish(context, targets, nets, neutral, neutral_iterations)


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
    target = PaintingTarget(context.painting, context.target)
    neutral = take_affine(strong, _UNNAMED)
    return _finish(context, {name: target}, {name: strong}, neutral, iterations)


def _steps(trainer: BackboneTrainer | StageTrainer) -> Iterator[StepLoss]:
    try:
        while not trainer.done:
            yield trainer.step()
    finally:
        trainer.close()


def _finish(
    context: TrainingContext,
    targets: Mapping[str, PaintingTarget],
    nets: Mapping[str, TransformNet],
    neutral: Affine,
    iterations: int,
) -> Trained:
    keeper = train_neutral(context, apply(next(iter(nets.values())), neutral), iterations)
    config = context.config
    provenance = {
        "paintings": list(targets),
        "schedule": str(config.schedule),
        "neutral_iterations": iterations,
        "command": config.command,
        "loss_network": context.loss_network.name,
        "code_version": config.code_version,
    }
    lowest = config.schedule.stages[0].ratio
    file = pack(keeper, NetCard(config.net, config.name, 0, lowest, provenance))
    backbone = Backbone.read(file)
    affines = {name: take_affine(net, backbone.sha256) for name, net in nets.items()}
    held_out = {
        name: measure(
            apply(backbone.net, affine),
            context.held_out,
            context.loss_network,
            targets[name].target,
        )
        for name, affine in affines.items()
    }
    return Trained(file, affines, held_out)


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


@torch.no_grad()
def round_weights(net: TransformNet) -> None:
    """Round a net's weights in place to what its file will hold (float16)."""
    for weight in net.parameters():
        weight.copy_(weight.half().float())
