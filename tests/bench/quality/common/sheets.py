"""Sheets of pictures at full size, on which a person can see what the figures cannot tell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worker.engines.port import Pixels

CAPTION = 28
GAP = 6
#: Height of a picture on the overview of all styles, pixels.
OVERVIEW_HEIGHT = 240


def draw_sheet(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[Pixels]], height: int = 0
) -> None:
    """Write a JPEG of rows of pictures, (H, W, 3), each pixel as it is; captions head the columns.

    With a `height` every picture is scaled to it.
    """
    fitted = [[_scaled(picture, height) for picture in row] for row in rows]
    widths = [max(row[n].width for row in fitted) + GAP for n in range(len(columns))]
    heights = [max(picture.height for picture in row) + GAP for row in fitted]
    sheet = Image.new("RGB", (sum(widths), CAPTION + sum(heights)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    lefts = [sum(widths[:n]) for n in range(len(columns))]
    for left, caption in zip(lefts, columns, strict=True):
        pen.text((left + GAP, 4), caption, "black", font)
    for n, row in enumerate(fitted):
        for left, picture in zip(lefts, row, strict=True):
            sheet.paste(picture, (left, CAPTION + sum(heights[:n])))
    sheet.save(path, quality=92)


def _scaled(picture: Pixels, height: int) -> Image.Image:
    image = Image.fromarray(picture)
    if not height:
        return image
    return image.resize(
        (round(image.width * height / image.height), height), Image.Resampling.LANCZOS
    )


def beside(painting: Pixels, photo: Pixels) -> Pixels:
    """Return a painting scaled to the longer side of a photo: as it would hang beside it."""
    scale = max(photo.shape[:2]) / max(painting.shape[:2])
    height, width = (max(1, round(side * scale)) for side in painting.shape[:2])
    return np.array(Image.fromarray(painting).resize((width, height), Image.Resampling.LANCZOS))
