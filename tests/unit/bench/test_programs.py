"""Folders of styles are painted as a worker paints them, whole nets or norms over a backbone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bench.quality.common.programs import Styles, read
from tests.style_files import affine, members, net
from worker.net.affine import pack_affine, unpack_affine


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, body in files.items():
        if "/" not in name:
            (folder / name).write_bytes(body)


def norms(backbone: bytes, stage: int) -> bytes:
    """A quick style's file, each stage with norms of its own."""
    taken, card = unpack_affine(affine(backbone, 1, stage))
    return pack_affine(replace(taken, values=taken.values * (1 + stage)), card)


@pytest.mark.parametrize("place", [".", "../backbone", "elsewhere"])
def test_a_quick_style_is_painted_over_its_backbone(tmp_path: Path, place: str) -> None:
    styles, backbone = tmp_path / "styles", net(7)
    quick = {stage: norms(backbone, stage) for stage in (0, 1)}
    write(styles / "night", members(quick))
    (styles / place).mkdir(exist_ok=True)
    file = styles / place / "backbone.safetensors"
    file.write_bytes(backbone)
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)).save(photo)
    ours = Styles("ours", styles, backbones=[file], threads=1)
    weak, strong = (ours.paint("night", photo, strength, [photo])[0] for strength in (0.0, 1.0))
    assert weak.shape == strong.shape == read(photo).shape
    assert np.abs(weak.astype(int) - strong).max() > 0
    assert ours.identity("night", photo, 0.5) != ours.identity("night", photo, 1.0)
    assert list(ours.cards) == ["night"]
