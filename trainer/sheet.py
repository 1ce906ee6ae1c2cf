"""The contact sheet: photos down, stages across, so that a schedule is seen at a glance."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from worker.net import TransformNet

#: Height and width of one picture on the sheet, pixels.
CELL = (200, 260)
#: Height of the line of captions, pixels.
CAPTION = 26
GAP = 4


@torch.no_grad()
def contact_sheet(
    photos: list[Tensor], nets: list[TransformNet], captions: list[str], painting: Tensor
) -> Image.Image:
    """Draw each photo, (1, 3, H, W) 0..1, and what each net makes of it; the painting heads it."""
    columns = ["photo", *captions]
    width = len(columns) * (CELL[1] + GAP) + GAP
    height = CAPTION + (len(photos) + 1) * (CELL[0] + GAP) + GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(16)
    sheet.paste(cell(painting), (GAP, GAP))
    draw.text(
        (CELL[1] + 4 * GAP, CELL[0] // 2), "← the painting; below: photo by stage", "black", font
    )
    for column, caption in enumerate(columns):
        draw.text((GAP + column * (CELL[1] + GAP), CELL[0] + 2 * GAP), caption, "black", font)
    for row, photo in enumerate(photos):
        top = CAPTION + GAP + (row + 1) * (CELL[0] + GAP)
        for column, picture in enumerate([photo, *(net.eval()(photo) for net in nets)]):
            sheet.paste(cell(picture), (GAP + column * (CELL[1] + GAP), top))
    return sheet


def cell(picture: Tensor) -> Image.Image:
    """Return the middle of a picture, (1, 3, H, W) 0..1, filling one cell."""
    pixels = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    image = Image.fromarray(pixels)
    scale = max(CELL[0] / image.height, CELL[1] / image.width)
    image = image.resize(
        (round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS
    )
    left, top = (image.width - CELL[1]) // 2, (image.height - CELL[0]) // 2
    return image.crop((left, top, left + CELL[1], top + CELL[0]))


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as a JPEG that is small and still true to the strokes."""
    sheet.save(path, quality=88, optimize=True)
