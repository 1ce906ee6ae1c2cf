"""Style folders of the paintings that a backbone learned: as if each had been trained over it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from infra.catalogue.card import (
    FirstIterations,
    Losses,
    RefusedStage,
    StageCard,
    StyleCard,
    stage_file,
)
from trainer.card import FIRST_ITERATIONS, weights_sha256
from trainer.local.backbone import Trained
from trainer.publish.folder import StyleFolder
from trainer.schedule.gate import refusal
from trainer.training.context import TrainingContext
from trainer.training.joint_run import History
from trainer.training.quick import Backbone, QuickContext
from worker.net.affine import apply

#: What a person should know of a card whose painting was one of several.
TOGETHER: Final = (
    "The painting was learned together with others: iterations are crops that its stage was shown, "
    "and seconds were not measured for it alone."
)


def write_styles(
    context: TrainingContext,
    trained: Trained,
    paintings: Mapping[str, Path],
    folder: Path,
    titles: Mapping[str, str],
) -> dict[str, StyleCard]:
    """Write a folder for each painting below `folder`: stages, card, sheet, losses and chart.

    Styles without a title have their name for it. The gate decides about each stage as it does in
    any training: refused ones are on the card without a file. Returns the cards by name.
    """
    backbone = Backbone.read(trained.file)
    return {
        name: _write(
            _context(context, backbone, name, titles.get(name, name), path),
            trained,
            folder / name,
        )
        for name, path in paintings.items()
    }


def _context(
    context: TrainingContext, over: Backbone, name: str, title: str, path: Path
) -> QuickContext:
    config = replace(context.config, name=name, title=title, painting=path)
    return QuickContext(config, context.loss_network, over, context.corpus, context.arithmetic)


def _write(context: QuickContext, trained: Trained, path: Path) -> StyleCard:
    name, files = context.config.name, StyleFolder(path, context)
    history = trained.history[name]
    card = context.blank_card(context.photos_themselves)
    stages: list[StageCard] = []
    refused: list[RefusedStage] = []
    for stage, affine in enumerate(trained.ladders[name]):
        data = context.pack(apply(context.backbone.net, affine), stage)
        held_out = Losses(**asdict(context.measure(context.unpack(data))))
        done = _stage_card(context, stage, data, held_out, history)
        if reason := refusal(stages[-1].held_out if stages else None, held_out):
            refused.append(_refused(done, reason))
            continue
        (path / done.file).write_bytes(data)
        stages.append(done)
    notes = [*card.notes, TOGETHER]
    facts = {"stages": stages, "refused": refused, "interventions": trained.interventions}
    card = card.model_copy(update={**facts, "notes": notes})
    files.write_history(history, card)
    card.write(path)
    files.draw_sheet(card)
    return card


def _stage_card(
    context: QuickContext, stage: int, data: bytes, held_out: Losses, history: History
) -> StageCard:
    first = [(loss.content, loss.style) for loss in history[stage][:FIRST_ITERATIONS]]
    return StageCard(
        stage=stage,
        ratio=context.config.schedule.stages[stage].ratio,
        iterations=len(history[stage]),
        file=stage_file(stage),
        sha256=hashlib.sha256(data).hexdigest(),
        seconds=0.0,
        held_out=held_out,
        first=FirstIterations(
            losses=first,
            weights_sha256=weights_sha256(context.unpack(data)),
            machine=context.machine,
        ),
    )


def _refused(stage: StageCard, reason: str) -> RefusedStage:
    return RefusedStage(
        stage=stage.stage,
        ratio=stage.ratio,
        iterations=stage.iterations,
        held_out=stage.held_out,
        reason=reason,
    )
