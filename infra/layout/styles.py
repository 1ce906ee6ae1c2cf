"""Where styles, backbones and bases lie in the bucket."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from infra.layout.parts import part

STYLES_PREFIX: Final = "styles/"


BACKBONES_PREFIX: Final = "backbones/"


BASES_PREFIX: Final = "bases/"


#: Numbers without leading zeros, so that each preview has one key.
_PREVIEW: Final = re.compile(r"styles/[^/]+/previews/stage-(0|[1-9][0-9]*)/(0|[1-9][0-9]*)\.jpg")


def style_file(style: str, name: str) -> str:
    """A file of a published style, such as `card.json` or `previews/stage-1/0.jpg`."""
    return f"{STYLES_PREFIX}{part(style)}/{'/'.join(map(part, name.split('/')))}"


def style_index(style: str) -> str:
    """The style's list of versions; written last, so a style that has one is whole."""
    return style_file(style, "style.json")


def style_owners(style: str) -> str:
    """Every reservation of a style's name."""
    return f"{STYLES_PREFIX}{part(style)}/owners/"


def style_owner(style: str, job: str) -> str:
    """A training's reservation of the name of the style that it makes."""
    return f"{style_owners(style)}{part(job)}.json"


def style_net(style: str, sha256: str) -> str:
    """The net of one published stage."""
    return f"{STYLES_PREFIX}{part(style)}/nets/{part(sha256)}.safetensors"


def backbone(sha256: str) -> str:
    """The net that quick styles share, by its file's hash; each of their files names it."""
    return f"{BACKBONES_PREFIX}{part(sha256)}.safetensors"


def base(net: Mapping[str, object], loss_network: str) -> str:
    """The net that new styles of a shape start from, trained with that loss network.

    `net` is the shape as on a style card: width, residual_blocks, upsample.
    """
    shape = json.dumps({"net": dict(net), "loss_network": loss_network}, sort_keys=True)
    return f"{BASES_PREFIX}{hashlib.sha256(shape.encode()).hexdigest()}.safetensors"


def style_previews(style: str) -> str:
    """Every preview of a style, in the order of its stages."""
    return f"{STYLES_PREFIX}{part(style)}/previews/"


def style_preview(style: str, stage: int, number: int) -> str:
    """One photo in one stage; the same photo has the same number in every stage."""
    return f"{style_previews(style)}stage-{stage}/{number}.jpg"


def parse_style_preview(key: str) -> tuple[int, int] | None:
    """Return the stage and number of a `style_preview` key; None for any other key."""
    found = _PREVIEW.fullmatch(key)
    return (int(found[1]), int(found[2])) if found else None
