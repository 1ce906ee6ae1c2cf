"""`python -m trainer reproduce`: train a published stage's first iterations again, and compare."""

from pathlib import Path
from typing import Annotated

import typer

from infra.bundled import BUNDLED_BACKBONE
from infra.catalogue.card import StyleCard
from infra.corpus import FOLDER
from infra.jobs.domain.schedule import Schedule
from trainer.cli.console import console
from trainer.cli.options import (
    BackboneFile,
    Fast,
    Painting,
    Photos,
    Weights,
    read_loss_network,
)
from trainer.compute.arithmetic import Arithmetic, set_up_cpu
from trainer.data.corpus import CorpusRejected
from trainer.local.reproduce import record_elsewhere, repeat_stage
from trainer.local.train import RunConfig, TrainingContext, file_sha256
from trainer.loss.objective import Hyperparameters
from trainer.schedule.learning_rate import Adaptive
from trainer.training.quick import Backbone, QuickContext
from worker.net import NetConfig
from worker.net.affine import is_affine


def reproduce_command(
    style: Annotated[Path, typer.Argument(help="Folder of a style: card.json and stages.")],
    painting: Painting,
    photos: Photos = FOLDER,
    stage: Annotated[
        int | None,
        typer.Option(help="Which stage to repeat, from 0; without it the first that was trained."),
    ] = None,
    loss_weights: Weights = None,
    backbone: BackboneFile = BUNDLED_BACKBONE,
    fast: Fast = False,
    record: Annotated[
        bool, typer.Option(help="Add to the card what all stages give on this processor.")
    ] = False,
) -> None:
    """Train the first 20 iterations of a published stage again and compare every bit.

    Exit code 0: losses and weights are bit for bit those on the card; on a kind of processor that
    the card does not know, the first losses are the same but for rounding. 1: they are not.
    """
    card = StyleCard.read(style)
    trained = [done.stage for done in card.stages if done.iterations]
    stage = next(iter(trained), 0) if stage is None else stage
    if stage not in trained:
        known = ", ".join(map(str, trained))
        raise typer.BadParameter(f"{card.name} was trained in stages {known}, not in {stage}.")
    set_up_cpu(card.training.threads)
    config = config_from_card(card, painting, photos)
    network = read_loss_network(card.training.loss_network, loss_weights)
    arithmetic = Arithmetic.of(network.device, fast=fast)
    if is_affine((style / card.stages[0].file).read_bytes()):
        over = Backbone.read(backbone.read_bytes())
        context = QuickContext(config, network, over, arithmetic=arithmetic)
    else:
        context = TrainingContext(config, network, arithmetic=arithmetic)
    _compare(context, style, stage, record=record)


def _compare(context: TrainingContext, style: Path, stage: int, *, record: bool) -> None:
    """Repeat a stage, say what came out, and end the command."""
    name = context.config.name
    if record:
        record_elsewhere(context, style)
    outcome = repeat_stage(context, style, stage)
    console.print(
        f"{name}, stage {stage}: {outcome.equal_losses} of {outcome.iterations} losses equal, "
        f"weights {'equal' if outcome.equal_weights else 'different'}."
    )
    if (
        not outcome.repeats
        and context.corpus.sha256() != StyleCard.read(style).training.corpus_sha256
    ):
        photos = context.config.photos
        raise CorpusRejected(f"The photos in {photos} are not those on the card of {name}.")
    if not outcome.exact and not outcome.same_arithmetic:
        console.print(
            f"The card knows nothing of {context.machine}, which rounds otherwise: the "
            f"first losses differ by {outcome.early_difference:.1e} at most. --record adds it."
        )
    raise typer.Exit(0 if outcome.repeats else 1)


def config_from_card(card: StyleCard, painting: Path, photos: Path) -> RunConfig:
    """Return the config that a card stands for; raises CorpusRejected for another painting."""
    if file_sha256(painting) != card.painting.sha256:
        raise CorpusRejected(f"{painting} is not the painting on the card of {card.name}.")
    training = card.training
    return RunConfig(
        name=card.name,
        title=card.title,
        licence=card.licence,
        painting=painting,
        photos=photos,
        schedule=Schedule.parse(training.schedule),
        net=NetConfig(**card.net.model_dump()),
        hyperparameters=Hyperparameters(
            batch=training.batch,
            crop=training.crop,
            peak_rate=training.peak_rate,
            floor_rate=training.floor_rate,
            smoothness=training.smoothness,
            identity=training.identity,
            spikes=training.spikes,
            seed=training.seed,
            later_rate=training.later_rate,
        ),
        painting_side=card.painting.side,
        painting_blur=card.painting.blur,
        code_version=card.code_version,
        command=card.command,
        reproduce=card.reproduce,
        adaptive=Adaptive() if training.adaptive else None,
    )
