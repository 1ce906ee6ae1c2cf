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
    strengths = any(spec.strength != 1 for spec in specs)
    cells = [Cell(Image.fromarray(photo), "the photo")]
    for spec, painting in zip(specs, paintings, strict=True):
        rgb = np.full_like(photo, _MISSING) if painting is None else painting
        text = caption(spec, strength=strengths, missing=painting is None)
        cells.append(Cell(Image.fromarray(rgb), text))
    columns = best_columns(len(cells), width, height)
    type_size = min(max(round(_TYPE_SHARE * side), _SMALLEST_TYPE), _LARGEST_TYPE)
    gap = max(round(_GAP_SHARE * side), _SMALLEST_GAP)
    return np.asarray(draw_grid(in_rows(cells, columns), type_size=type_size, gap=gap))


def caption(spec: PictureSpec, *, strength: bool, missing: bool) -> str:
    """Return what stands above a picture: its style, and its strength where those differ."""
    at = f", {spec.strength:g}" if strength else ""
    return f"{spec.style}{at}{': cannot be painted' if missing else ''}"
