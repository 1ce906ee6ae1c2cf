"""Style files to import: small real nets, and everything that must be refused."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping

import torch

from worker.net import NetConfig, TransformNet
from worker.net.affine import AffineCard, pack_affine, take_affine
from worker.net.netfile import NetCard, pack

#: A net of some kilobytes.
SMALL = NetConfig(width=2, residual_blocks=1)


def net(seed: int, stage: int = 0, config: NetConfig = SMALL) -> bytes:
    """Return a net file of random weights."""
    torch.manual_seed(seed)
    return pack(TransformNet(config), NetCard(config, "night", stage, 0.1, {}))


def affine(backbone: bytes, seed: int, stage: int = 0) -> bytes:
    """Return an affine file over a backbone's file."""
    torch.manual_seed(seed)
    changed = take_affine(TransformNet(SMALL), hashlib.sha256(backbone).hexdigest())
    return pack_affine(changed, AffineCard("night", stage, 0.1))


def members(
    nets: Mapping[int, bytes] | None = None,
    *,
    backbone: bytes | None = None,
    path_from: str | None = None,
    **manifest: object,
) -> dict[str, bytes]:
    """Return the members of a style file, the manifest first; `manifest` changes its fields."""
    stages = {0: net(1), 2: net(2, 2)} if nets is None else nets
    entries = [
        {
            "stage": number,
            "ratio": 0.5 * (number + 1),
            "file": f"stage-{number}.safetensors",
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        for number, body in stages.items()
    ]
    card = {"name": "night", "title": "Night", "licence": "CC0-1.0", "stages": entries}
    card |= {"path_from": path_from} if path_from else {}
    files = {f"stage-{number}.safetensors": body for number, body in stages.items()}
    if backbone is not None:
        files["backbone.safetensors"] = backbone
    files |= {
        "card.json": json.dumps(card).encode(),
        "contact-sheet.jpg": b"\xff\xd8\xff sheet",
        "previews/stage-0/0.jpg": b"\xff\xd8\xff preview",
    }
    described = {
        "format": "impasto-style",
        "version": 1,
        "name": "night",
        "title": "Night",
        "stages": [{key: one[key] for key in ("stage", "ratio", "file")} for one in entries],
        "backbone": None if backbone is None else "backbone.safetensors",
        "files": {
            name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for name, body in files.items()
        },
    }
    return {"manifest.json": json.dumps({**described, **manifest}).encode(), **files}


def zipped(files: Mapping[str, bytes], *, packed: bool = False) -> bytes:
    """Return a ZIP file of some members."""
    file = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return file.getvalue()


def unzipped(body: bytes) -> dict[str, bytes]:
    """Return the members of a ZIP file."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
