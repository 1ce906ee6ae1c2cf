"""The sheet: a place for each, names that fit, and a shape that fits a screen."""

import numpy as np
import pytest
from PIL import Image

from infra.previews.model import PictureSpec
from tests.fakes.service import BLEND
from worker.pixels.grid import GROUND, Cell, best_columns, draw_grid, fitted
from worker.previews.sheet import caption, preview_sheet

GREY = np.full((384, 512, 3), 128, np.uint8)


def specs(count: int) -> list[PictureSpec]:
    return [PictureSpec(style=f"style-{n}", strength=1, blend=BLEND) for n in range(count)]


@pytest.mark.parametrize(
    ("pictures", "width", "height", "columns"),
    [(3, 512, 384, 2), (15, 512, 384, 4), (5, 512, 384, 3), (15, 384, 512, 6), (1, 512, 384, 2)],
)
def test_sheet_has_the_shape_of_a_screen(
    pictures: int, width: int, height: int, columns: int
) -> None:
    assert best_columns(pictures + 1, width, height) == columns


@pytest.mark.parametrize("count", [1, 3, 15, 63])
def test_sheet_has_room_for_all(count: int) -> None:
    red, blue = np.zeros_like(GREY), np.zeros_like(GREY)
    red[..., 0], blue[..., 2] = 255, 255
    sheet = preview_sheet(red, specs(count), [blue] * count)
    assert np.all(sheet == (0, 0, 255), axis=-1).sum() == count * 512 * 384
    assert np.all(sheet == (255, 0, 0), axis=-1).sum() == 512 * 384
    assert np.all(sheet[100, 8 : 8 + 512] == (255, 0, 0))  # the photo comes first


def test_picture_that_is_missing_keeps_its_place() -> None:
    whole = preview_sheet(GREY, specs(3), [GREY, GREY, GREY])
    assert preview_sheet(GREY, specs(3), [GREY, None, GREY]).shape == whole.shape
    assert "cannot be painted" in caption(specs(1)[0], strength=False, missing=True)


def test_strength_stands_beside_the_style_where_it_is_not_all() -> None:
    (spec,) = specs(1)
    assert caption(spec, strength=False, missing=False) == "style-0"
    weak = spec.model_copy(update={"strength": 0.25})
    assert caption(weak, strength=True, missing=False) == "style-0, 0.25"
    assert caption(spec, strength=True, missing=False) == "style-0, 1"


@pytest.mark.parametrize("width", [60, 120, 512])
def test_long_names_stay_in_their_place(width: int) -> None:
    text, font = fitted("the-style-with-the-longest-name-that-anybody-may-choose", 20, width)
    assert font.getlength(text) <= width
    assert 7 <= font.size <= 20
    assert fitted("wave", 20, 512)[0] == "wave"


def test_row_without_captions_has_no_line_for_them() -> None:
    picture = Image.fromarray(GREY)
    above = draw_grid([[Cell(picture, "a"), Cell(picture)], [Cell(picture)]], type_size=16, gap=4)
    assert above.size == (2 * 516 + 4, 2 * 388 + 4 + 26)
    assert above.getpixel((1000, 700)) == GROUND
