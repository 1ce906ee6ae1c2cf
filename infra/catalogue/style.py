"""A published style: its stages, and the nets that a strength or a mixture of two styles means.

A path of strengths may begin at the photo itself, which is then one more part of a blend.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra import layout
from infra.errors import InvalidRequest, StylesNotBlendable

#: Who sees a style: its tenant alone, or everybody.
Visibility = Literal["private", "shared"]

#: What a strength of 0 means: the photo itself, or the style's first stage.
PathStart = Literal["photo", "first-stage"]

#: Names that a style may have: safe in a URL, an object key and a file name.
STYLE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

#: What stands for the photo itself where a blend names nets. No object has this key or this hash,
#: so that a worker of 0.1.0 misses a net and paints nothing else instead.
PHOTO_KEY: Final = "the-photo-itself"
PHOTO_SHA256: Final = hashlib.sha256(PHOTO_KEY.encode()).hexdigest()


class WeightedNet(BaseModel):
    """One part of a blend: a net, by object key and SHA-256 (hex) of its file, or the photo itself.

    The weight, 0..1, of a net is its part of the painting, and that of the photo what it covers.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    weight: float = Field(ge=0, le=1)

    @property
    def is_photo(self) -> bool:
        """Whether this is the photo itself, for which there is no object."""
        return self.sha256 == PHOTO_SHA256


class StyleShare(BaseModel):
    """A style that another one is mixed with, and its part of the mixture: 0 none, 1 all."""

    model_config = ConfigDict(frozen=True)

    style: str
    share: float = Field(ge=0, le=1)


#: What an album is painted with; the weights sum to 1.
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
    #: Styles of 0.1.0 do not say: their strengths mean what they meant.
    path_from: PathStart = "first-stage"

    @property
    def place(self) -> str:
        """Where it lies in the catalogue."""
        return style_place(self.name, self.tenant or "", self.visibility)

    @property
    def root(self) -> str:
        """SHA-256 of the net that a style was trained from: its backbone or its first stage."""
        return self.backbone or self.stages[0].sha256

    def blend(self, strength: float) -> Blend:
        """Return the point at `strength` (0..1) on the path through the stages.

        On a path from the photo, the photo itself stands before the first stage and fades on the
        way to the next one; behind that, the path is the same.
        """
        last = len(self.stages) - 1
        position = strength * last
        low = min(int(position), last)
        share = position - low
        photo = max(0.0, 1.0 - strength * max(last, 1)) if self.path_from == "photo" else 0.0
        weights = [(low, (1.0 - photo) * (1.0 - share)), (low + 1, (1.0 - photo) * share)]
        nets = (
            WeightedNet(key=self.stages[n].key, sha256=self.stages[n].sha256, weight=weight)
            for n, weight in weights
            if weight > 0
        )
        return (*_photo(photo), *nets)

    def strength_of(self, position: int) -> float:
        """Return the strength that paints with just one stage, by its position among them.

        0 is that of the first of several: a path from the photo has the photo itself there.
        """
        last = len(self.stages) - 1
        return position / last if last else 1.0


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
    between others lies nothing that does. Raises StylesNotBlendable for those. The photo's shares
    add up.
    """
    if first.root != second.root:
        raise StylesNotBlendable(
            f"{first.name!r} and {second.name!r} were trained from different nets, and nothing "
            "between such nets paints. Styles can be blended that share their first stage, or "
            "the backbone that quick ones are over."
        )
    parts = [(net, (1 - share) * net.weight) for net in first.blend(strength)]
    return _gathered([*parts, *((net, share * net.weight) for net in second.blend(strength))])


def is_photo_alone(blend: Sequence[WeightedNet]) -> bool:
    """Whether a blend paints nothing."""
    return bool(blend) and all(net.is_photo for net in blend)


def without_photo(blend: Sequence[WeightedNet]) -> tuple[float, Blend]:
    """Return what the photo covers of a blend, 0..1, and the painting's nets, in sum 1 again."""
    photo = sum(net.weight for net in blend if net.is_photo)
    if not photo:
        return 0.0, tuple(blend)
    nets = [net for net in blend if not net.is_photo]
    whole = sum(net.weight for net in nets)
    return photo, tuple(net.model_copy(update={"weight": net.weight / whole}) for net in nets)


def _photo(share: float) -> Blend:
    """Return the photo itself as a part of a blend; nothing where it has no share."""
    if share <= 0:
        return ()
    return (WeightedNet(key=PHOTO_KEY, sha256=PHOTO_SHA256, weight=share),)


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
