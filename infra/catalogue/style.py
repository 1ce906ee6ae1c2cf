"""A published style: its stages, and the nets that a strength or a mixture of two styles means."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra import layout
from infra.errors import InvalidRequest, StylesNotBlendable

#: Who sees a style: its tenant alone, or everybody.
Visibility = Literal["private", "shared"]

#: Names that a style may have: safe in a URL, an object key and a file name.
STYLE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class WeightedNet(BaseModel):
    """One net of a blend: its object key, the SHA-256 of its file (hex) and its weight 0..1."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    weight: float = Field(ge=0, le=1)


class StyleShare(BaseModel):
    """A style that another one is mixed with, and its part of the mixture: 0 none, 1 all."""

    model_config = ConfigDict(frozen=True)

    style: str
    share: float = Field(ge=0, le=1)


#: The nets that an album is painted with; their weights sum to 1.
Blend = tuple[WeightedNet, ...]


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
    #: When its newest stage was published.
    published: datetime
    #: The training that makes it; None when it came as a folder.
    job: str | None = None
    #: SHA-256 (hex) of the net that a quick style is an affine over; None for whole nets.
    backbone: str | None = None
    #: The tenant that trained or imported it, and may change it; None for a bundled one. 0.1.0 did
    #: not say: then its training's reservation does.
    tenant: str | None = None
    visibility: Visibility = "shared"

    @property
    def place(self) -> str:
        """Where it lies in the catalogue."""
        return style_place(self.name, self.tenant or "", self.visibility)

    @property
    def root(self) -> str:
        """SHA-256 of the net that a style was trained from: its backbone or its first stage."""
        return self.backbone or self.stages[0].sha256

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


def style_place(name: str, tenant: str, visibility: Visibility) -> str:
    """Return the place of a style."""
    return layout.private_place(name, tenant) if visibility == "private" else name


def resolve(
    find: Callable[[str], Style], name: str, strength: float, other: StyleShare | None
) -> Blend:
    """Return the nets that a style at a strength of 0..1 stands for, mixed with another one.

    Raises what `find` raises, StylesNotBlendable, and InvalidRequest for any other strength.
    """
    if not 0 <= strength <= 1:
        raise InvalidRequest(f"The strength must lie between 0 and 1, not {strength}.")
    style = find(name)
    if other is None:
        return style.blend(strength)
    return mixture(style, find(other.style), strength=strength, share=other.share)


def mixture(first: Style, second: Style, *, strength: float, share: float) -> Blend:
    """Return the nets of two styles in one, both at `strength`, with `share` (0..1) of the second.

    Nets that were trained from one net lie close enough together for all between them to paint;
    between others lies nothing that does. Raises StylesNotBlendable for those.
    """
    if first.root != second.root:
        raise StylesNotBlendable(
            f"{first.name!r} and {second.name!r} were trained from different nets, and nothing "
            "between such nets paints. Styles can be blended that share their first stage, or "
            "quick styles over one backbone."
        )
    parts = [(net, (1 - share) * net.weight) for net in first.blend(strength)]
    return _gathered([*parts, *((net, share * net.weight) for net in second.blend(strength))])


def _gathered(parts: Iterable[tuple[WeightedNet, float]]) -> Blend:
    """Return every net once, with all its weight; without those that have none."""
    weights: dict[str, float] = {}
    nets: dict[str, WeightedNet] = {}
    for net, weight in parts:
        nets.setdefault(net.sha256, net)
        weights[net.sha256] = weights.get(net.sha256, 0.0) + weight
    return tuple(
        net.model_copy(update={"weight": min(weights[sha256], 1.0)})
        for sha256, net in nets.items()
        if weights[sha256] > 0
    )
