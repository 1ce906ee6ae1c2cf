"""Style folders, as `python -m trainer train` writes them, packed into one file for a service."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from .connection import ClientError

#: What is taken of a folder besides its nets.
_BESIDE: Final = re.compile(
    r"card\.json|history\.jsonl|losses\.svg|[a-z0-9][a-z0-9-]{0,62}\.(?:jpg|png)"
)
_PREVIEW: Final = re.compile(r"previews/stage-(?:0|[1-9][0-9]?)/(?:0|[1-9][0-9]?)\.jpg")
_BACKBONE: Final = "backbone.safetensors"


def pack_style(folder: Path, out: Path, *, backbone: Path | None = None) -> None:
    """Write a style folder into one file that a service imports.

    `backbone` is the net that quick styles are made for, where the service may lack it. Raises
    ClientError for a folder that is no style's, OSError for files that cannot be read or written.
    """
    card = _card(folder)
    stages = sorted(_stages(card, folder), key=lambda stage: stage["stage"])
    members = {stage["file"]: folder / str(stage["was"]) for stage in stages}
    for stage in stages:
        path = members[stage["file"]]
        if _sha256(path) != stage["sha256"]:
            raise ClientError(
                f"{path} is not the net that the card names. Copy the folder again, or train again."
            )
    if backbone is not None:
        members[_BACKBONE] = backbone
    members |= {name: folder / name for name in _beside(folder)}
    manifest = {
        "format": "impasto-style",
        "version": 1,
        "name": card["name"],
        "title": card["title"],
        "stages": [{key: one[key] for key in ("stage", "ratio", "file")} for one in stages],
        "backbone": None if backbone is None else _BACKBONE,
        "files": {
            name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            for name, path in members.items()
        },
    }
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest, indent=2))
        for name, path in members.items():
            archive.write(path, name)


def _card(folder: Path) -> dict[str, Any]:
    path = folder / "card.json"
    try:
        card: object = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ClientError(
            f"{folder} is no style: it has no card.json. `python -m trainer train` writes one as "
            "its first stage ends."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ClientError(f"{path} is no style card.") from error
    known = cast("dict[str, Any]", card if isinstance(card, dict) else {})
    if not all(isinstance(known.get(name), str) for name in ("name", "title")):
        raise ClientError(f"{path} is no style card: it names no style.")
    return known


def _stages(card: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the stages of a card, and the names that their nets have in the folder."""
    listed: object = card.get("stages")
    if not isinstance(listed, list) or not listed:
        raise ClientError(f"{folder} has no finished stage yet.")
    for entry in cast("list[Any]", listed):
        try:
            number, ratio, file, sha256 = (entry[k] for k in ("stage", "ratio", "file", "sha256"))
        except (KeyError, TypeError) as error:
            raise ClientError(f"{folder / 'card.json'} is no style card.") from error
        if not isinstance(number, int) or Path(str(file)).name != file:
            raise ClientError(f"{folder / 'card.json'} is no style card.")
        name = f"stage-{number}.safetensors"
        yield {"stage": number, "ratio": ratio, "file": name, "was": file, "sha256": sha256}


def _beside(folder: Path) -> list[str]:
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    return [name for name in names if _BESIDE.fullmatch(name) or _PREVIEW.fullmatch(name)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
