"""A published card as far as it is understood.

Older cards, and those of other makers, may hold less or more. The names are those of
`infra.catalogue.card`; what is missing is None or empty here.
"""

import json
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError

from infra import layout
from infra.storage.port import ObjectMissing, ObjectStore


class KnownLosses(BaseModel):
    """Distances and similarity on held-out photos."""

    content: float | None = None
    style: float | None = None
    ssim: float | None = None


class KnownStage(BaseModel):
    """A stage on a card."""

    stage: int
    iterations: int | None = None
    seconds: float | None = None
    held_out: KnownLosses | None = None


class KnownIntervention(BaseModel):
    """A step back that the divergence guard took."""

    stage: int
    iteration: int
    reason: str


class KnownRefusal(BaseModel):
    """A stage that was trained and not published."""

    stage: int
    ratio: float
    reason: str | None = None


class KnownCard(BaseModel):
    """A card; `document` is all of it."""

    licence: str | None = None
    stages: list[KnownStage] = []
    interventions: list[KnownIntervention] = []
    refused: list[KnownRefusal] = []
    notes: list[str] = []
    document: dict[str, Any] = Field(default_factory=dict[str, Any])

    def stage(self, number: int) -> KnownStage:
        """Return the card's details of a stage; empty ones where it has none."""
        found = (stage for stage in self.stages if stage.stage == number)
        return next(found, KnownStage(stage=number))

    def note(self, stage: int) -> str | None:
        """Return a sentence on the events while a stage was trained; None when there were none."""
        steps = [step for step in self.interventions if step.stage == stage]
        words = [f"went back after {step.iteration} iterations: {step.reason}" for step in steps]
        return "; ".join(words) or None


def read_known_card(objects: ObjectStore, style: str) -> KnownCard:
    """Return a style's card; an empty one where there is none that can be read."""
    try:
        document = read_document(objects.get(layout.style_file(style, "card.json")))
    except ObjectMissing:
        return KnownCard()
    try:
        return KnownCard.model_validate({**(document or {}), "document": document or {}})
    except ValidationError:
        return KnownCard(document=document or {})


def read_document(card: bytes) -> dict[str, Any] | None:
    """Return all that stands on a card; None where it cannot be read, or is no object of JSON."""
    try:
        document: object = json.loads(card)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None
