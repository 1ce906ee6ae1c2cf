"""Style folders as the trainer writes them."""

import hashlib
import json
import zlib
from pathlib import Path

from tests.style_files import net


def style_folder(root: Path, name: str = "waves", stages: int = 3) -> Path:
    """Write a style folder as the trainer does, with nets of some kilobytes."""
    folder = root / name
    folder.mkdir()
    entries: list[dict[str, object]] = []
    for stage in range(stages):
        body = net_of(name, stage)
        (folder / f"stage-{stage}.safetensors").write_bytes(body)
        entries.append(
            {
                "stage": stage,
                "ratio": 0.1 * 4**stage,
                "iterations": 250,
                "file": f"stage-{stage}.safetensors",
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )
    card = {"name": name, "title": "Great Waves", "seed": 7, "stages": entries}
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "contact-sheet.jpg").write_bytes(b"jpeg")
    return folder


def net_of(name: str, stage: int) -> bytes:
    """Return a net that no other name or stage has."""
    return net(zlib.crc32(f"{name} {stage}".encode()), stage)


def change_card(folder: Path, **changes: object) -> None:
    """Change fields of a folder's card."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


def over(folder: Path, nets: list[bytes]) -> Path:
    """Put other nets into a style folder."""
    stages = json.loads((folder / "card.json").read_text())["stages"]
    for entry, body in zip(stages, nets, strict=True):
        (folder / entry["file"]).write_bytes(body)
        entry["sha256"] = hashlib.sha256(body).hexdigest()
    change_card(folder, stages=stages)
    return folder
