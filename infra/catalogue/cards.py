"""The card of a style folder, as far as publishing needs it; the trainer writes it."""

import hashlib
import re
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from infra import layout
from infra.catalogue.style import STYLE_NAME, Stage
from infra.errors import InvalidRequest


class CardStage(BaseModel):
    """One stage, and the file of its net."""

    stage: int
    ratio: float
    file: str
    sha256: str


class CardTraining(BaseModel):
    """How the style was trained."""

    loss_network: str


class Card(BaseModel):
    """What publishing needs of a style card; the rest of it is for people."""

    name: str
    title: str
    stages: list[CardStage] = Field(min_length=1)
    #: The net's shape and how it was trained; without both, the style cannot serve as a base.
    net: dict[str, str | int] | None = None
    training: CardTraining | None = None


def read_card(folder: Path) -> Card:
    """Return the card of a style folder; raises InvalidRequest."""
    path = folder / "card.json"
    try:
        card = Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidRequest(f"{path} cannot be read as a style card: {error}") from error
    if not STYLE_NAME.fullmatch(card.name):
        raise InvalidRequest(
            f"{card.name!r} on {path} cannot be a style's name: use a-z, 0-9 and hyphens."
        )
    return card


def read_stage(card: Card, entry: CardStage) -> Stage:
    """Return a stage as it is published; raises InvalidRequest."""
    if not re.fullmatch(r"[0-9a-f]{64}", entry.sha256):
        raise InvalidRequest(f"Stage {entry.stage} of {card.name!r} has no SHA-256 on its card.")
    if Path(entry.file).name != entry.file:
        raise InvalidRequest(f"Stage {entry.stage} of {card.name!r} names a file elsewhere.")
    key = layout.style_net(card.name, entry.sha256)
    return Stage(stage=entry.stage, ratio=entry.ratio, sha256=entry.sha256, key=key)


def read_net(path: Path, stage: Stage) -> bytes:
    """Return the file of a stage's net; raises InvalidRequest where it is another one."""
    if not path.is_file():
        raise InvalidRequest(f"{path} is missing, although the style card names it.")
    body = path.read_bytes()
    if (actual := hashlib.sha256(body).hexdigest()) != stage.sha256:
        raise InvalidRequest(
            f"{path} is not the net that the style card names: its SHA-256 is {actual}, "
            f"on the card it is {stage.sha256}. Copy the folder again, or train again."
        )
    return body
