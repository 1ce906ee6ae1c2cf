"""Sheets of pictures: rows and columns with names, and a painting that no painter made."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from trainer.publish.sheet import CELL, GAP, cell, save_sheet

#: Height of a line of captions, pixels.
CAPTION = 26
#: Colours of a picture in the manner of De Stijl, by how often they come.
_PRIMARIES = ((225, 30, 35), (25, 70, 160), (250, 210, 30), (245, 243, 235), (245, 243, 235))
_BLACK = (20, 20, 20)


def draw_grid(
    path: Path, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Tensor]]]
) -> None:
    """Write a sheet: each row has a name and as many pictures, (1, 3, H, W), as there are columns.

    The row's name stands above its pictures, beside the columns' names in the first row.
    """
    step = CELL[0] + CAPTION + GAP
    sheet = Image.new(
        "RGB", (len(columns) * (CELL[1] + GAP) + GAP, CAPTION + len(rows) * step), "white"
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for column, caption in enumerate(columns):
        pen.text((GAP + column * (CELL[1] + GAP), 4), caption, "black", font)
    for row, (name, pictures) in enumerate(rows):
        top = CAPTION + row * step
        pen.text((GAP, top + 2), name, "black", font)
        for column, picture in enumerate(pictures):
            sheet.paste(cell(picture), (GAP + column * (CELL[1] + GAP), top + CAPTION - GAP))
    save_sheet(sheet, path)


def draw_de_stijl(path: Path, *, size: tuple[int, int] = (640, 512), seed: int = 11) -> Path:
    """Write a picture of flat primaries between black bars: nothing like brush strokes."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", size, _PRIMARIES[-1])
    pen = ImageDraw.Draw(picture)
    xs = [0, *sorted(random.choice(np.arange(60, size[0] - 40, 45), 5, replace=False)), size[0]]
    ys = [0, *sorted(random.choice(np.arange(60, size[1] - 40, 45), 4, replace=False)), size[1]]
    for left, right in itertools.pairwise(xs):
        for top, bottom in itertools.pairwise(ys):
            colour = _PRIMARIES[random.integers(len(_PRIMARIES))]
            box = (int(left), int(top), int(right), int(bottom))
            pen.rectangle(box, fill=colour, outline=_BLACK, width=7)
    picture.save(path)
    return path
