"""Where styles, backbones and bases lie in the bucket.

A style has a *place*: a shared one its name, a private one its name and its tenant. So two tenants
may have private styles of one name, and none learns of the other's.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

from infra.layout.ids import is_job_id
from infra.layout.parts import part, tenant_prefix

STYLES_PREFIX: Final = "styles/"


BACKBONES_PREFIX: Final = "backbones/"


BASES_PREFIX: Final = "bases/"

#: Names, by its hash, the backbone that new quick styles start from. No backbone's own key: those
#: of older ones stay where they are, for the styles over them.
CHOSEN_BACKBONE: Final = f"{BASES_PREFIX}backbone"


STYLE_REMOVALS_PREFIX: Final = "style-removals/"

#: Between the name and the tenant in the place of a private style; no style's name has it.
_OF: Final = "@"
#: Numbers without leading zeros, so that each preview has one key.
_PREVIEW: Final = re.compile(
    r"(?:tenants/[^/]+/)?styles/[^/]+/previews/stage-(0|[1-9][0-9]*)/(0|[1-9][0-9]*)\.jpg"
)


def private_place(name: str, tenant: str) -> str:
    """The place of a tenant's private style; that of a shared one is its name."""
    return f"{part(name)}{_OF}{part(tenant)}"


def place_name(place: str) -> str:
    """Return the name of the style that has a place."""
    return place.partition(_OF)[0]


def place_tenant(place: str) -> str | None:
    """Return the tenant whose private style has a place; None for a shared one."""
    return place.partition(_OF)[2] or None


def style_folder(style: str) -> str:
    """Everything of the style at a place, and of those on their way there."""
    tenant = place_tenant(style)
    prefix = STYLES_PREFIX if tenant is None else private_styles(tenant)
    return f"{prefix}{part(place_name(style))}/"


def private_styles(tenant: str) -> str:
    """Every private style of a tenant."""
    return f"{tenant_prefix(tenant)}{STYLES_PREFIX}"


def style_file(style: str, name: str) -> str:
    """A file of a published style, such as `card.json` or `previews/stage-1/0.jpg`."""
    return style_folder(style) + "/".join(map(part, name.split("/")))


def style_index(style: str) -> str:
    """The style's list of versions; written last, so a style that has one is whole."""
    return style_file(style, "style.json")


def style_owners(style: str) -> str:
    """Every reservation of a style's name."""
    return f"{style_folder(style)}owners/"


def style_owner(style: str, job: str) -> str:
    """The reservation of a place by a training, or by whoever imports, moves or removes there."""
    return f"{style_owners(style)}{part(job)}.json"


def style_nets(style: str) -> str:
    """Every net of a place's style, and of those that were there before it."""
    return f"{style_folder(style)}nets/"


def style_net(style: str, sha256: str, made_by: str = "") -> str:
    """The net of one published stage.

    `made_by` is the id of the training or the import that brought it, so that whatever is removed
    later is nobody else's. The bundled styles, and those that 0.1.0 trained, have none.
    """
    end = f"-{part(made_by)}" if made_by else ""
    return f"{style_nets(style)}{part(sha256)}{end}.safetensors"


def style_removal(by: str) -> str:
    """What is to be removed of a style once nothing uses it; `by` has the form of a job id."""
    return f"{STYLE_REMOVALS_PREFIX}{part(by)}.json"


def parse_style_removal(key: str) -> str | None:
    """Return the id in a `style_removal` key; None for any other key."""
    by = key.removeprefix(STYLE_REMOVALS_PREFIX).removesuffix(".json")
    return by if is_job_id(by) and style_removal(by) == key else None


def backbone(sha256: str) -> str:
    """The net that quick styles share, by its file's hash; each of their files names it."""
    return f"{BACKBONES_PREFIX}{part(sha256)}.safetensors"


def imported_backbone(sha256: str) -> str:
    """A backbone that came with an imported style: no training here starts from it."""
    return f"imported-backbones/{part(sha256)}.safetensors"


def base(net: Mapping[str, object], loss_network: str) -> str:
    """The net that new styles of a shape start from, trained with that loss network.

    `net` is the shape as on a style card: width, residual_blocks, upsample. There is one base of a
    shape, whatever its grain: who starts from it takes the grain that its file names.
    """
    parts = {name: value for name, value in net.items() if name != "grain"}
    shape = json.dumps({"net": parts, "loss_network": loss_network}, sort_keys=True)
    return f"{BASES_PREFIX}{hashlib.sha256(shape.encode()).hexdigest()}.safetensors"


def style_previews(style: str) -> str:
    """Every preview of a style, in the order of its stages."""
    return f"{style_folder(style)}previews/"


def style_preview(style: str, stage: int, number: int) -> str:
    """One photo in one stage; the same photo has the same number in every stage."""
    return f"{style_previews(style)}stage-{stage}/{number}.jpg"


def parse_style_preview(key: str) -> tuple[int, int] | None:
    """Return the stage and number of a `style_preview` key; None for any other key."""
    found = _PREVIEW.fullmatch(key)
    return (int(found[1]), int(found[2])) if found else None
