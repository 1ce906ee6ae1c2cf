"""The painting: upright, within limits, large enough."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.corpus import read_picture
from trainer.painting import PaintingRejected, PaintingTooSmall, read_painting
from worker.pixels import PixelLimits


def test_a_painting_is_brought_to_size_as_photos_are(painting: Path) -> None:
    assert np.array_equal(read_painting(painting, 80), read_picture(painting, 80))


def test_a_painting_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "lying.jpg", exif=exif)
    assert read_painting(tmp_path / "lying.jpg", 64).shape == (128, 64, 3)


@pytest.mark.parametrize(
    ("size", "fits"), [((20, 300), False), ((300, 63), False), ((64, 64), True)]
)
def test_a_painting_without_room_for_strokes_is_refused(
    tmp_path: Path, size: tuple[int, int], fits: bool
) -> None:
    Image.new("RGB", size).save(tmp_path / "p.png")
    if fits:
        read_painting(tmp_path / "p.png", 64)
        return
    with pytest.raises(PaintingTooSmall, match="at least 64"):
        read_painting(tmp_path / "p.png", 64)


def test_what_is_no_painting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_text("no picture")
    with pytest.raises(PaintingRejected, match=r"p\.png"):
        read_painting(tmp_path / "p.png", 64)
    Image.new("RGB", (200, 100)).save(tmp_path / "large.png")
    with pytest.raises(PaintingRejected, match="megapixels"):
        read_painting(tmp_path / "large.png", 64, PixelLimits(0.01))
