"""The style card: what a style is, how it was made, and what its makers measured.

`card.json` of a style folder and of a published style. The trainer writes and reads it whole, as a
`StyleCard`. A folder is published by a part of it, `FolderCard`; the API shows what `known_card`
understands of a published one.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from infra import layout
from infra.catalogue.style import STYLE_NAME, PathStart, Stage
from infra.errors import InvalidRequest


def stage_file(stage: int) -> str:
    """Return the name of a stage's net in a style folder, and in a style file."""
    return f"stage-{stage}.safetensors"


class CardPart(BaseModel):
    """An immutable part of a card; a card with unknown fields is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PaintingCard(CardPart):
    """The painting: its file's SHA-256, what it is, and the short side (px) it was seen at."""

    sha256: str
    title: str
    side: int
    #: Deviation (px) of the Gaussian that it was blurred by there. None was before 0.2.0.
    blur: float = 0.0


class NetShape(CardPart):
    """The transform net's config, as in `worker.net.NetConfig`."""

    width: int
    residual_blocks: int
    upsample: str
    #: Not written where there is none: such cards are what they were before there was any.
    grain: float = 0.0

    @model_serializer(mode="wrap")
    def _described(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = written(self)
        return fields if self.grain else {k: v for k, v in fields.items() if k != "grain"}


class LossWeights(CardPart):
    """The weights of the loss network: whose they are, the file they came in, and its SHA-256."""

    origin: str
    file: str
    sha256: str


class TrainingCard(CardPart):
    """Everything that decides the weights, but for the pictures themselves."""

    loss_network: str
    schedule: str
    batch: int
    crop: int
    peak_rate: float
    floor_rate: float
    later_rate: float
    smoothness: float
    identity: float
    #: Not weighed before 0.2.0.
    spikes: float = 0.0
    seed: int
    threads: int
    #: Size of the corpus, and a SHA-256 over its photos' file names and bytes.
    corpus_photos: int
    corpus_sha256: str
    #: Whether stages could end before the schedule's iterations, once they had settled.
    adaptive: bool = False
    #: Not told before 0.2.0, like the name of the corpus.
    loss_weights: LossWeights | None = None
    corpus: str | None = None
    #: Under which terms its photos may be used, where that is known.
    corpus_terms: str | None = None


class FirstIterations(CardPart):
    """A stage's first steps: (content, style) before each, and the weights after the last."""

    losses: list[tuple[float, float]]
    weights_sha256: str
    #: What the arithmetic ran on, as `machine.machine` names it; another rounds otherwise.
    machine: str


class Losses(CardPart):
    """Distances and similarity on held-out photos, as in `measure.Measured`."""

    content: float
    style: float
    ssim: float
    lost: float
    #: Not measured before 0.2.0, both.
    dead: float = 0.0
    halo: float = 0.0


class StageCard(CardPart):
    """One published stage."""

    stage: int
    ratio: float
    iterations: int
    file: str
    sha256: str
    seconds: float
    held_out: Losses
    first: FirstIterations
    #: The same first steps, repeated on arithmetic that rounds otherwise.
    first_elsewhere: list[FirstIterations] = []
    #: What the learning rate was multiplied with, after the guard had stepped in.
    rate_scale: float = 1.0

    def first_on(self, machine: str) -> FirstIterations | None:
        """Return the first steps as they come out on a machine; None if nobody tried."""
        known = (self.first, *self.first_elsewhere)
        return next((first for first in known if first.machine == machine), None)


class Intervention(CardPart):
    """What the guard did: it went back to the net that a stage started from."""

    stage: int
    ratio: float
    #: Iterations of the stage that were thrown away.
    iteration: int
    reason: str
    #: What the learning rate is multiplied with from then on.
    rate_scale: float


class RefusedStage(CardPart):
    """A stage that trained to its end and was not published, because it was not better."""

    stage: int
    ratio: float
    iterations: int
    held_out: Losses
    reason: str


class StyleCard(CardPart):
    """The card of a style, `card.json` beside its stages."""

    name: str
    title: str
    licence: str
    code_version: str
    command: str
    reproduce: str
    painting: PaintingCard
    net: NetShape
    training: TrainingCard
    held_out_photos: int
    photos_before_training: Losses
    stages: list[StageCard]
    #: Where the path of strengths begins. Cards of 0.1.0 do not say.
    path_from: PathStart = "first-stage"
    #: SHA-256 (hex) of the net that stage 0 was taken from as it was, instead of being trained.
    base_sha256: str | None = None
    interventions: list[Intervention] = []
    refused: list[RefusedStage] = []
    #: What else a person should know, one sentence each.
    notes: list[str] = []

    @classmethod
    def read(cls, folder: Path) -> "StyleCard":
        """Read a style folder's card; raises pydantic.ValidationError for another format."""
        return cls.model_validate_json((folder / "card.json").read_text())

    def write(self, folder: Path) -> None:
        """Write the card into a style folder, whole or not at all."""
        draft = folder / "card.json.part"
        draft.write_text(self.model_dump_json(indent=2) + "\n")
        draft.replace(folder / "card.json")


class FolderStage(BaseModel):
    """One stage of a style folder, and the file of its net."""

    stage: int
    ratio: float
    file: str
    sha256: str


class FolderCard(BaseModel):
    """A style card as far as publishing needs it: other makers' cards may hold less, or more."""

    name: str
    title: str
    stages: list[FolderStage] = Field(min_length=1)
    path_from: PathStart = "first-stage"


def read_card(folder: Path) -> FolderCard:
    """Return the card of a style folder; raises InvalidRequest."""
    path = folder / "card.json"
    try:
        card = FolderCard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidRequest(f"{path} cannot be read as a style card: {error}") from error
    if not STYLE_NAME.fullmatch(card.name):
        raise InvalidRequest(
            f"{card.name!r} on {path} cannot be a style's name: use a-z, 0-9 and hyphens."
        )
    return card


def read_stage(card: FolderCard, entry: FolderStage) -> Stage:
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
