"""The styles of the deployment: what is published in the bucket, and how more get there."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra import layout
from infra.errors import InvalidRequest, StyleMissing
from infra.jobs.model import WeightedNet
from infra.storage.port import ObjectMissing, ObjectStore

#: What a style may be called: safe in a URL, an object key and a file name.
STYLE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

#: The nets that a style and a strength stand for: one, or two neighbours whose weights sum to 1.
Blend = tuple[WeightedNet, ...]

_CONTENT_TYPES: Final = {".json": "application/json", ".jpg": "image/jpeg"}
_NET_TYPE: Final = "application/octet-stream"

log = structlog.get_logger()


class Stage(BaseModel):
    """One published version of a style; higher stages have more style in them."""

    model_config = ConfigDict(frozen=True)

    stage: int
    #: Style loss over content loss that it was trained with.
    ratio: float
    sha256: str
    key: str


class Style(BaseModel):
    """A published style: its stages from the base (near identity) to the strongest."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    stages: tuple[Stage, ...] = Field(min_length=1)
    published: datetime

    def blend(self, strength: float) -> Blend:
        """Return the point at `strength` (0..1) on the path through the stages."""
        position = strength * (len(self.stages) - 1)
        low = min(int(position), len(self.stages) - 1)
        share = position - low
        weights = [(low, 1.0 - share), (low + 1, share)]
        return tuple(
            WeightedNet(key=self.stages[n].key, sha256=self.stages[n].sha256, weight=weight)
            for n, weight in weights
            if weight > 0
        )


class _CardStage(BaseModel):
    stage: int
    ratio: float
    file: str
    sha256: str


class _Card(BaseModel):
    """What publishing needs of a style card; the rest of it is for people."""

    name: str
    title: str
    stages: list[_CardStage] = Field(min_length=1)


class StyleCatalogue:
    """Published styles by name."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def names(self) -> list[str]:
        """Return the names of all styles, in order."""
        keys = (info.key for info in self._objects.list(layout.STYLES_PREFIX))
        return sorted(name for key in keys if key == layout.style_index(name := key.split("/")[1]))

    def list(self) -> list[Style]:
        """Return all styles, ordered by name."""
        return [self.get(name) for name in self.names()]

    def get(self, name: str) -> Style:
        """Return a style; raises StyleMissing."""
        if not STYLE_NAME.fullmatch(name):
            raise StyleMissing(f"{name!r} is not the name of a style.")
        try:
            return Style.model_validate_json(self._objects.get(layout.style_index(name)))
        except ObjectMissing as error:
            known = ", ".join(self.names()) or "none yet"
            raise StyleMissing(f"No style is called {name!r}; there are: {known}.") from error

    def resolve(self, name: str, strength: float) -> Blend:
        """Return the nets that a style at a strength of 0..1 stands for.

        Raises StyleMissing, and InvalidRequest for any other strength.
        """
        if not 0 <= strength <= 1:
            raise InvalidRequest(f"The strength must lie between 0 and 1, not {strength}.")
        return self.get(name).blend(strength)

    def publish(self, folder: Path) -> Style:
        """Put a style folder (card, nets, pictures) into the bucket, its index last.

        Safe to repeat: nets lie under their hash, and a style that is there in the same stages
        stays as it is. Raises InvalidRequest when the card or a net is not what it should be.
        """
        card = _read_card(folder)
        entries = sorted(card.stages, key=lambda entry: entry.stage)
        stages = tuple(_stage(card, entry) for entry in entries)
        try:
            if (published := self.get(card.name)).stages == stages:
                return published
        except StyleMissing:
            pass
        for entry, stage in zip(entries, stages, strict=True):
            self._put_net(folder / entry.file, stage)
        for path in _companions(folder):
            self._put_file(path, layout.style_file(card.name, path.name))
        style = Style(name=card.name, title=card.title, stages=stages, published=datetime.now(UTC))
        index = style.model_dump_json().encode()
        self._objects.put(layout.style_index(card.name), index, content_type="application/json")
        log.info("style published", style=style.name, stages=len(stages))
        return style

    def _put_net(self, path: Path, stage: Stage) -> None:
        if not path.is_file():
            raise InvalidRequest(f"{path} is missing, although the style card names it.")
        body = path.read_bytes()
        if (actual := hashlib.sha256(body).hexdigest()) != stage.sha256:
            raise InvalidRequest(
                f"{path} is not the net that the style card names: its SHA-256 is {actual}, "
                f"on the card it is {stage.sha256}. Copy the folder again, or train again."
            )
        self._objects.put(stage.key, body, content_type=_NET_TYPE)

    def _put_file(self, path: Path, key: str) -> None:
        with path.open("rb") as body:
            self._objects.put(key, body, content_type=_CONTENT_TYPES[path.suffix])


def _read_card(folder: Path) -> _Card:
    path = folder / "card.json"
    try:
        card = _Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidRequest(f"{path} cannot be read as a style card: {error}") from error
    if not STYLE_NAME.fullmatch(card.name):
        raise InvalidRequest(
            f"{card.name!r} on {path} cannot be a style's name: use a-z, 0-9 and hyphens."
        )
    return card


def _stage(card: _Card, entry: _CardStage) -> Stage:
    if not re.fullmatch(r"[0-9a-f]{64}", entry.sha256):
        raise InvalidRequest(f"Stage {entry.stage} of {card.name!r} has no SHA-256 on its card.")
    if Path(entry.file).name != entry.file:
        raise InvalidRequest(f"Stage {entry.stage} of {card.name!r} names a file elsewhere.")
    key = layout.style_net(card.name, entry.sha256)
    return Stage(stage=entry.stage, ratio=entry.ratio, sha256=entry.sha256, key=key)


def _companions(folder: Path) -> Iterator[Path]:
    """The files beside the nets: the card, the contact sheet and other pictures."""
    return (path for path in sorted(folder.iterdir()) if path.suffix in _CONTENT_TYPES)
