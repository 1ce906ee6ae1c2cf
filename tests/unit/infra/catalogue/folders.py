"""Style folders as the trainer writes them."""

import hashlib
import json
from pathlib import Path


def style_folder(root: Path, name: str = "waves", stages: int = 3) -> Path:
    """Write a style folder as the trainer does, with a few bytes for nets."""
    folder = root / name
    folder.mkdir()
    entries: list[dict[str, object]] = []
    for stage in range(stages):
        body = f"{name} {stage}".encode()
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


def change_card(folder: Path, **changes: object) -> None:
    """Change fields of a folder's card."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))
