"""Proportional strokes: one picture at every size."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from tests.photos import scene
from worker.engines.port import Check, Pixels, go_on
from worker.engines.strokes import WORKING_SIDE, ProportionalEngine, working_size


class Stripes:
    """Paints over any photo with stripes of 32 pixels: strokes of a fixed size."""

    held_bytes = 7

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        check()
        self.sizes.append((rgb.shape[1], rgb.shape[0]))
        stripes = (np.arange(rgb.shape[1]) // 32 % 2 * 100 + 50).astype(np.uint8)
        return np.broadcast_to(stripes[None, :, None], rgb.shape).copy()

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        return [self.stylize(rgb, check) for rgb in photos]


class Copy(Stripes):
    """Leaves every photo as it is."""

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        super().stylize(rgb, check)
        return rgb.copy()


def reduced(rgb: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(rgb).resize((256, 192), Image.Resampling.BOX)).astype(int)


def test_every_size_is_the_same_picture() -> None:
    engine = Stripes()
    plain = [np.full((height, height * 4 // 3, 3), 90, np.uint8) for height in (384, 768, 1536)]
    paintings = [ProportionalEngine(engine).stylize(photo) for photo in plain]
    assert engine.sizes == [(1024, 768)] * 3
    assert [painting.shape for painting in paintings] == [photo.shape for photo in plain]
    small, middle, large = (reduced(painting) for painting in paintings)
    assert middle.std() > 40
    assert np.abs(small - middle).mean() < 2
    assert np.abs(large - middle).mean() < 2
    native = reduced(engine.stylize(plain[2]))
    assert np.abs(native - middle).mean() > 20


def test_a_large_photo_gets_its_own_detail_back() -> None:
    """Sharper than an enlargement alone: the photo's edges, over paint that knows none."""
    photo = np.full((900, 2048, 3), 100, np.uint8)
    photo[:, 1001:1003] = 200  # a line finer than a pixel at the working scale
    painting = ProportionalEngine(Copy()).stylize(photo).astype(int)
    assert painting[:, 1001:1003].mean() > 170
    assert np.abs(painting[:, 1010:] - 100).max() <= 2


def test_bands_leave_no_seam() -> None:
    """A photo of several bands, painted by nothing: no row differs more than its neighbours do."""
    photo = np.array(scene(1700, 1300))
    painting = ProportionalEngine(Copy()).stylize(photo).astype(int)
    apart = np.abs(painting - photo).mean((1, 2))
    assert apart.max() < 4 * np.median(apart) + 1


@pytest.mark.parametrize("size", [(1, 1), (3, 5000), (1024, 1024), (40, 30)])
def test_any_size_returns_in_its_size(size: tuple[int, int]) -> None:
    photo = np.full((*size, 3), 33, np.uint8)
    painting = ProportionalEngine(Copy()).stylize(photo)
    assert painting.shape == photo.shape
    assert np.abs(painting.astype(int) - 33).max() <= 1
    assert max(working_size(*size)) == WORKING_SIDE
    assert min(working_size(*size)) >= 1


def test_a_check_reaches_the_engine_and_every_band() -> None:
    calls: list[None] = []
    photo = np.zeros((2200, 1000, 3), np.uint8)
    ProportionalEngine(Copy()).stylize(photo, lambda: calls.append(None))
    assert len(calls) > 3
    assert ProportionalEngine(Copy()).held_bytes == 7
