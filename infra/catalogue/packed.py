"""A style in one file: its nets, its card, its pictures, and a manifest that names them all.

The file is a ZIP of what a style folder holds, `manifest.json` first, and for quick styles the
backbone that they are applied to. Whoever sends one may be hostile: nothing of it is believed
before it is held against the manifest, and each net against its own header.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.catalogue.card import FolderCard, stage_file
from infra.catalogue.net_header import NetHeader, check_net
from infra.catalogue.style import PathStart
from infra.errors import StyleFileRejected

FORMAT: Final = "impasto-style"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
CARD: Final = "card.json"
BACKBONE: Final = "backbone.safetensors"
#: Bytes that a manifest and a card may have.
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
#: Files that a style may have: 100 stages, 8 previews of each, and what lies beside them.
MAX_FILES: Final = 1000

_NET: Final = re.compile(r"stage-(0|[1-9][0-9]?)\.safetensors")
#: What may lie beside the nets.
_BESIDE: Final = re.compile(
    r"card\.json|history\.jsonl|losses\.svg|[a-z0-9][a-z0-9-]{0,62}\.(?:jpg|png)"
    r"|previews/stage-(?:0|[1-9][0-9]?)/(?:0|[1-9][0-9]?)\.jpg"
)
_PREVIEW: Final = re.compile(r"previews/stage-([0-9]+)/[0-9]+\.jpg")
_BEGINNINGS: Final = {"jpg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "svg": b"<"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class PackedFile(_Part):
    """A member of the file: its size in bytes, and its SHA-256 (hex)."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class PackedStage(_Part):
    """A stage, and the member that holds its net."""

    stage: int = Field(ge=0, le=99)
    ratio: float = Field(ge=0)
    file: str


class StyleManifest(_Part):
    """`manifest.json`: the style, its stages, and every other member."""

    format: Literal["impasto-style"] = FORMAT
    version: int = VERSION
    name: str = Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = Field(max_length=200)
    stages: list[PackedStage] = Field(min_length=1, max_length=100)
    #: The member that holds the net which quick styles are applied to.
    backbone: Literal["backbone.safetensors"] | None = None
    files: dict[str, PackedFile] = Field(max_length=MAX_FILES)


@dataclass(frozen=True, slots=True)
class PackedStyle:
    """A style file that holds what it says."""

    manifest: StyleManifest
    #: SHA-256 (hex) of the net that the stages are affines over; None for whole nets.
    backbone: str | None
    #: Where its card says that the path of strengths begins.
    path_from: PathStart
    #: Returns a member's bytes, as they were checked.
    read: Callable[[str], bytes]

    @property
    def beside(self) -> list[str]:
        """The members beside the nets, the card last."""
        names = (name for name in self.manifest.files if is_beside(name))
        return sorted(names, key=lambda name: (name == CARD, name))


def is_beside(name: str) -> bool:
    """Whether a file of that name may lie beside a style's nets."""
    return _BESIDE.fullmatch(name) is not None


def preview_stage(name: str) -> int | None:
    """Return the stage that a preview shows; None for any other file."""
    found = _PREVIEW.fullmatch(name)
    return int(found[1]) if found else None


def read_packed(sizes: Mapping[str, int], read: Callable[[str], bytes]) -> PackedStyle:
    """Return a style file after reading every member once; raises StyleFileRejected.

    `sizes` are its members and their bytes; `read` returns a member, and may raise the same.
    """
    manifest = _manifest(sizes, read)
    for name in manifest.files:
        if not (is_beside(name) or _NET.fullmatch(name) or name == BACKBONE):
            raise StyleFileRejected(f"It holds {name[:100]!r}, which no style has.")
    if manifest.files.keys() != sizes.keys() - {MANIFEST}:
        odd = sorted(manifest.files.keys() ^ (sizes.keys() - {MANIFEST}))[0]
        raise StyleFileRejected(f"Its manifest and what it holds differ at {odd[:100]!r}.")
    headers: dict[str, NetHeader] = {}
    card: FolderCard | None = None
    for name, known in manifest.files.items():
        body = _member(name, known, sizes[name], read)
        if name.endswith(".safetensors"):
            headers[name] = check_net(body, name)
        elif name == CARD:
            card = _card(body, manifest)
        elif (start := _BEGINNINGS.get(name.rpartition(".")[2])) and not body.startswith(start):
            raise StyleFileRejected(f"{name} is no picture of the kind that its name says.")
    if card is None:
        raise StyleFileRejected("It holds no card.json; a style cannot be without its card.")
    return PackedStyle(manifest, _backbone(manifest, headers), card.path_from, read)


def _manifest(sizes: Mapping[str, int], read: Callable[[str], bytes]) -> StyleManifest:
    if MANIFEST not in sizes:
        raise StyleFileRejected(
            "It holds no manifest.json. Send a file of `impasto styles export`; "
            "`impasto styles import FOLDER` makes one of a folder."
        )
    if sizes[MANIFEST] > MAX_DOCUMENT_BYTES:
        raise StyleFileRejected("Its manifest.json is too large.")
    try:
        document: object = json.loads(read(MANIFEST))
        known = cast("dict[str, Any]", document if isinstance(document, dict) else {})
        if known.get("format") == FORMAT and known.get("version") != VERSION:
            raise StyleFileRejected(
                f"It has format version {known.get('version')!r:.20}; this service reads {VERSION}."
            )
        manifest = StyleManifest.model_validate(known)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:100]
        raise StyleFileRejected(f"Its manifest is wrong at {where!r}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise StyleFileRejected("Its manifest.json is no JSON.") from error
    numbers = [stage.stage for stage in manifest.stages]
    files = [stage_file(number) for number in numbers]
    if numbers != sorted(set(numbers)) or files != [stage.file for stage in manifest.stages]:
        raise StyleFileRejected(
            "Its stages must be in order, each once, their nets called stage-N.safetensors."
        )
    if not manifest.title.isprintable() or not manifest.title:
        raise StyleFileRejected("Its title must be printable characters, on one line.")
    nets = {name for name in manifest.files if _NET.fullmatch(name)}
    if nets != set(files) or (manifest.backbone is None) != (BACKBONE not in manifest.files):
        raise StyleFileRejected("Its stages are not the nets that it holds.")
    return manifest


def _member(name: str, known: PackedFile, size: int, read: Callable[[str], bytes]) -> bytes:
    if size != known.bytes:
        raise StyleFileRejected(f"{name} has {size} bytes, and {known.bytes} in the manifest.")
    if name == CARD and size > MAX_DOCUMENT_BYTES:
        raise StyleFileRejected("Its card.json is too large.")
    body = read(name)
    if hashlib.sha256(body).hexdigest() != known.sha256:
        raise StyleFileRejected(f"{name} is damaged: its SHA-256 is not that of the manifest.")
    return body


def _card(body: bytes, manifest: StyleManifest) -> FolderCard:
    try:
        card = FolderCard.model_validate_json(body)
    except ValidationError as error:
        raise StyleFileRejected("Its card.json cannot be read as a style card.") from error
    nets = {(one.stage, manifest.files[one.file].sha256) for one in manifest.stages}
    if any((one.stage, one.sha256) not in nets for one in card.stages):
        raise StyleFileRejected("Its card.json names other nets than it holds.")
    return card


def _backbone(manifest: StyleManifest, headers: Mapping[str, NetHeader]) -> str | None:
    """Return the backbone of all stages, None of whole nets; raises where they do not fit."""
    nets = [headers[one.file] for one in manifest.stages]
    if len(set(nets)) > 1:
        raise StyleFileRejected("Its stages are nets of different shapes, or over several ones.")
    backbone = nets[0].backbone
    if manifest.backbone is not None:
        beneath = headers[BACKBONE]
        same = manifest.files[BACKBONE].sha256 == backbone and beneath.shape == nets[0].shape
        if not same or beneath.backbone is not None:
            raise StyleFileRejected(f"{BACKBONE} is not the net that its stages were made for.")
    return backbone
