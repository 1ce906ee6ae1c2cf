"""The contact sheet: photos down, stages across, so that a schedule is seen at a glance."""

from pathlib import Path

from PIL import Image
from torch import Tensor

from worker.net import TransformNet
from worker.net.grain import paint
from worker.pixels.grid import Cell, draw_grid

#: Height and width of one picture on the sheet, pixels.
CELL = (200, 260)
GAP = 4
#: Size of the type of captions, pixels.
TYPE = 16
#: Height of a triptych, pixels.
TRIPTYCH_HEIGHT = 300


def contact_sheet(
    photos: list[Tensor], nets: list[TransformNet], captions: list[str], painting: Tensor
) -> Image.Image:
    """Draw each photo, (1, 3, H, W) 0..1, and what each net makes of it; the painting heads it."""
    columns = ["photo", *captions]
    rows = [[Cell(cell(painting), "the painting")]]
    for number, photo in enumerate(photos):
        pictures = [photo, *(paint(net, photo) for net in nets)]
        above = [""] * len(columns) if number else columns
        rows.append([Cell(cell(one), name) for one, name in zip(pictures, above, strict=True)])
    return draw_grid(rows, type_size=TYPE, gap=GAP)


def triptych(painting: Tensor, photo: Tensor, net: TransformNet) -> Image.Image:
    """Draw painting, photo and result side by side, one height; pictures (1, 3, H, W) 0..1."""
    shown = (painting, photo, paint(net, photo))
    pictures = [_fit(picture, TRIPTYCH_HEIGHT) for picture in shown]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    canvas = Image.new("RGB", (width, TRIPTYCH_HEIGHT), "white")
    left = 0
    for picture in pictures:
        canvas.paste(picture, (left, 0))
        left += picture.width + GAP
    return canvas


def cell(picture: Tensor) -> Image.Image:
    """Return the middle of a picture, (1, 3, H, W) 0..1, filling one cell."""
    image = _fit(picture, CELL[0], CELL[1])
    left, top = (image.width - CELL[1]) // 2, (image.height - CELL[0]) // 2
    return image.crop((left, top, left + CELL[1], top + CELL[0]))


def _fit(picture: Tensor, height: int, width: int = 0) -> Image.Image:
    """Return a picture scaled so that it covers `height` and `width` pixels."""
    pixels = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(pixels)
    scale = max(height / image.height, width / image.width)
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as a JPEG that is small and still true to the strokes."""
    sheet.save(path, quality=88, optimize=True)
