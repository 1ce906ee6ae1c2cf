"""Style cards, as far as the API understands them: the rest is passed on as it is."""

import json
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError

from api.schemas.styles import Distances, RefusedStage
from infra import layout
from infra.storage.port import ObjectMissing, ObjectStore


class StageOnCard(BaseModel):
    """One stage of a card; older cards, and those of other makers, may hold less."""

    stage: int
    iterations: int | None = None
    seconds: float | None = None
    held_out: Distances | None = None


class InterventionOnCard(BaseModel):
    """A step back that the divergence guard took."""

    stage: int
    iteration: int
    reason: str


class StyleCard(BaseModel):
    """A card; `document` is all of it."""

    licence: str | None = None
    stages: list[StageOnCard] = []
    interventions: list[InterventionOnCard] = []
    refused: list[RefusedStage] = []
    notes: list[str] = []
    document: dict[str, Any] = Field(default_factory=dict[str, Any])

    def stage(self, number: int) -> StageOnCard:
        """Return the card's details of a stage; empty ones where it has none."""
        found = (stage for stage in self.stages if stage.stage == number)
        return next(found, StageOnCard(stage=number))


def stage_note(card: StyleCard, stage: int) -> str | None:
    """Return a note on the events while a stage was trained; None when there were none."""
    steps = [step for step in card.interventions if step.stage == stage]
    words = [f"went back after {step.iteration} iterations: {step.reason}" for step in steps]
    return "; ".join(words) or None


def read_card(objects: ObjectStore, style: str) -> StyleCard:
    """Return a style's card; an empty one where there is none that can be read."""
    try:
        document: object = json.loads(objects.get(layout.style_file(style, "card.json")))
    except (ObjectMissing, ValueError):
        return StyleCard()
    if not isinstance(document, dict):
        return StyleCard()
    known = cast("dict[str, Any]", document)
    try:
        return StyleCard.model_validate({**known, "document": known})
    except ValidationError:
        return StyleCard(document=known)
