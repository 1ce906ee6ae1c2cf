"""The painting: upright, within limits, large enough."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.data.corpus import read_picture
from trainer.data.painting import PaintingRejected, PaintingTooSmall, read_painting
from worker.pixels import PixelLimits, decode


def test_a_painting_is_brought_to_size_as_photos_are(painting: Path) -> None:
    assert np.array_equal(read_painting(painting, 80), read_picture(painting, 80))


def test_a_blur_takes_what_is_finer_than_strokes(tmp_path: Path) -> None:
    """Columns of one pixel nearly go, broad ones stay."""
    fine, broad = (np.arange(128) // wide % 2 * 255 for wide in (1, 16))
    rows = [np.tile(columns.astype(np.uint8), (64, 1)) for columns in (fine, broad)]
    Image.fromarray(np.concatenate(rows)).convert("RGB").save(tmp_path / "p.png")
    seen = read_painting(tmp_path / "p.png", 128, blur=1.0)
    assert seen[:48, 4:-4].std() < 5
    assert seen[80:].std() > 115


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
    decode_small = partial(decode, limits=PixelLimits(0.01))
    with pytest.raises(PaintingRejected, match="megapixels"):
        read_painting(tmp_path / "large.png", 64, decode_small)


def test_a_painting_that_is_a_strip_is_refused(tmp_path: Path) -> None:
    """Its short side brought to size, the long one would be beyond all memory."""
    Image.new("RGB", (800, 100)).save(tmp_path / "wide.png")
    assert read_painting(tmp_path / "wide.png", 64).shape == (64, 512, 3)
    for size in ((801, 100), (100, 801)):
        Image.new("RGB", size).save(tmp_path / "strip.png")
        with pytest.raises(PaintingRejected, match=rf"{size[0]}×{size[1]} .* cut a part out"):
            read_painting(tmp_path / "strip.png", 64)
