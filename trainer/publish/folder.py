"""A style's folder: stages, card, contact sheet, previews, loss chart and history."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from torch import Tensor

from infra.catalogue.card import StyleCard, stage_file
from trainer.loss.objective import StepLoss
from trainer.publish.previews import draw_previews
from trainer.publish.sheet import contact_sheet, save_sheet
from trainer.training.context import TrainingContext
from trainer.training.run import StageEnd, TrainingRun

#: Photos on the contact sheet.
SHEET_PHOTOS = 6
HISTORY = "history.jsonl"


class StyleFolder:
    """Writes a style's files as its stages end.

    `previews` are (1, 3, H, W) photos 0..1 by the numbers that their pictures have.
    """

    def __init__(
        self, folder: Path, context: TrainingContext, previews: Mapping[int, Tensor] | None = None
    ) -> None:
        self.path = folder
        self._context = context
        self._previews = previews or {}
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, run: TrainingRun, end: StageEnd) -> None:
        """Write what has changed with the end of a stage; the card last of what training needs."""
        path = self.path / stage_file(end.stage)
        if end.data is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(end.data)
            self._draw_previews(end.stage, end.data)
        self.write_history(run.history, run.card)
        run.card.write(self.path)
        self.draw_sheet(run.card)

    def write_history(self, history: Sequence[Sequence[StepLoss]], card: StyleCard) -> None:
        """Write the losses of each iteration as JSON Lines, and draw them."""
        from trainer.publish.charts import loss_charts  # matplotlib takes a moment

        (self.path / HISTORY).write_text("".join(_lines(history)))
        for kind, chart in loss_charts(card, history).items():
            (self.path / f"losses.{kind}").write_bytes(chart)

    def read_history(self, stages: int) -> list[list[StepLoss]]:
        """Return the losses of the first stages; empty ones where nobody wrote them down."""
        path = self.path / HISTORY
        lines = path.read_text().splitlines() if path.exists() else []
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        found = {
            stage: [StepLoss(row["content"], row["style"]) for row in part]
            for stage, part in groupby(rows, key=lambda row: row["stage"])
        }
        return [found.get(stage, []) for stage in range(stages)]

    def _draw_previews(self, stage: int, data: bytes) -> None:
        if not self._previews:
            return
        folder = self.path / "previews" / f"stage-{stage}"
        folder.mkdir(parents=True, exist_ok=True)
        pictures = draw_previews(self._context.unpack(data), self._previews)
        for number, picture in pictures.items():
            (folder / f"{number}.jpg").write_bytes(picture)

    def draw_sheet(self, card: StyleCard) -> None:
        """Draw photos as the card's stages paint them, whose files are there."""
        if not card.stages:
            return
        nets = [self._context.unpack((self.path / s.file).read_bytes()) for s in card.stages]
        captions = [f"stage {stage.stage}, ratio {stage.ratio:g}" for stage in card.stages]
        photos = self._context.held_out[:SHEET_PHOTOS]
        sheet = contact_sheet(photos, nets, captions, self._context.painting)
        save_sheet(sheet, self.path / "contact-sheet.jpg")


def _lines(history: Sequence[Sequence[StepLoss]]) -> Iterable[str]:
    for stage, losses in enumerate(history):
        for iteration, loss in enumerate(losses):
            if not (math.isfinite(loss.content) and math.isfinite(loss.style)):
                continue  # JSON has no such numbers; why the training ended stands on the card
            row = {
                "stage": stage,
                "iteration": iteration,
                "content": loss.content,
                "style": loss.style,
            }
            yield json.dumps(row) + "\n"
