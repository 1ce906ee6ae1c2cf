"""Sheets: pictures in rows and columns, each with a line above it that says what it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

#: Grey that takes part in no picture, and ink that is read on it.
GROUND: Final = (240, 240, 240)
INK: Final = (40, 40, 40)
#: Width over height that a sheet of many pictures should come near to: a screen's.
SHEET_SHAPE: Final = 1.4
#: Weight of an empty place, as a share of all places, beside the shape (natural logarithm).
_EMPTY: Final = 1.5
#: Height of a line of captions, in heights of its type.
_LINE: Final = 1.6
#: Pixels of the smallest type that is read.
_SMALLEST_TYPE: Final = 7


@dataclass(frozen=True, slots=True)
class Cell:
    """One place on a sheet; without a picture it stays empty."""

    picture: Image.Image | None
    caption: str = ""


def draw_grid(rows: Sequence[Sequence[Cell]], *, type_size: int, gap: int) -> Image.Image:
    """Draw rows of pictures; type and gaps in pixels.

    Places are as large as the largest picture, at least one must be there. A row none of whose
    cells has a caption has no line for it. A caption that is too long is set smaller, then cut.
    """
    pictures = [cell.picture for row in rows for cell in row if cell.picture]
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    line = round(_LINE * type_size)
    lines = [line if any(cell.caption for cell in row) else 0 for row in rows]
    columns = max(map(len, rows))
    size = (columns * (width + gap) + gap, sum(height + gap + above for above in lines) + gap)
    sheet = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, above in zip(rows, lines, strict=True):
        for column, cell in enumerate(row):
            left = gap + column * (width + gap)
            if cell.caption:
                text, font = fitted(cell.caption, type_size, width)
                pen.text((left, top + above / 2), text, INK, font, anchor="lm")
            if cell.picture:
                sheet.paste(cell.picture, (left, top + above))
        top += height + gap + above
    return sheet


def in_rows(cells: Sequence[Cell], columns: int) -> list[Sequence[Cell]]:
    """Return cells in rows of so many."""
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def best_columns(count: int, width: float, height: float) -> int:
    """Return in how many columns so many cells of one size look best: no strip, few left empty."""

    def fault(columns: int) -> float:
        rows = -(-count // columns)
        shape = columns * width / (rows * height)
        empty = 1 - count / (rows * columns)
        return abs(math.log(shape / SHEET_SHAPE)) + _EMPTY * empty

    return min(range(1, count + 1), key=fault)


def fitted(text: str, size: int, width: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """Return a line, and a type of at most `size` pixels in which it takes `width` at most."""
    for smaller in range(size, _SMALLEST_TYPE, -1):
        font = _font(smaller)
        if font.getlength(text) <= width:
            return text, font
    font = _font(_SMALLEST_TYPE)
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…", font


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # every wheel of Pillow has FreeType
    return font
