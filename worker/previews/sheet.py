"""The sheet of a preview: the photo first, then each picture with the name of its style."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from infra.previews.model import PictureSpec
from worker.pixels.grid import GROUND, Cell, best_columns, draw_grid, in_rows
from worker.pixels.photo import Pixels

#: Size of the type and of the gaps, in sides of the pictures, and their bounds in pixels.
_TYPE_SHARE, _SMALLEST_TYPE, _LARGEST_TYPE = 1 / 22, 9, 32
_GAP_SHARE, _SMALLEST_GAP = 1 / 64, 4
#: Lightness of a place whose picture could not be painted, beside the ground's.
_MISSING = GROUND[0] - 30


def preview_sheet(
    photo: Pixels, specs: Sequence[PictureSpec], paintings: Sequence[Pixels | None]
) -> Pixels:
    """Draw a photo and its paintings, (H, W, 3) each; None for one that could not be painted."""
    height, width, _ = photo.shape
    side = max(height, width)
    cells = [Cell(Image.fromarray(photo), "the photo")]
    for spec, painting in zip(specs, paintings, strict=True):
        rgb = np.full_like(photo, _MISSING) if painting is None else painting
        cells.append(Cell(Image.fromarray(rgb), caption(spec, missing=painting is None)))
    columns = best_columns(len(cells), width, height)
    type_size = min(max(round(_TYPE_SHARE * side), _SMALLEST_TYPE), _LARGEST_TYPE)
    gap = max(round(_GAP_SHARE * side), _SMALLEST_GAP)
    return np.asarray(draw_grid(in_rows(cells, columns), type_size=type_size, gap=gap))


def caption(spec: PictureSpec, *, missing: bool) -> str:
    """Return what stands above a picture: its style, and its strength where that is not all."""
    strength = "" if spec.strength == 1 else f", {spec.strength:g}"
    return f"{spec.style}{strength}{': cannot be painted' if missing else ''}"
