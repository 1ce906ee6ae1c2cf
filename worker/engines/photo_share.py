"""A photo that shines through its painting: the beginning of a style's path.

The first stages keep every edge in its place, so photo and painting are one picture, and not one
over the other.
"""

from collections.abc import Callable, Sequence

import numpy as np

from infra.catalogue.style import WeightedNet, is_photo_alone, without_photo
from infra.jobs.domain.model import Stroke
from worker.engines.port import Check, Engine, Pixels, go_on
from worker.engines.strokes import ProportionalEngine

#: Pixels that are mixed at a time: what they take as floats stays in a processor's cache.
_BAND_PIXELS = 1 << 16


def blend_engine(
    blend: Sequence[WeightedNet], stroke: Stroke, load: Callable[[Sequence[WeightedNet]], Engine]
) -> Engine:
    """Return the engine of a blend; `load` gives that of its nets, whose weights sum to 1.

    The photo is mixed with the finished painting, in its own size, whatever the strokes. A blend of
    the photo alone loads nothing. Raises what `load` raises.
    """
    if is_photo_alone(blend):
        return PhotoItself()
    share, nets = without_photo(blend)
    engine = load(nets)
    if stroke == "proportional":
        engine = ProportionalEngine(engine)
    return PhotoShareEngine(engine, share) if share else engine


class PhotoItself:
    """Paints nothing: what a strength of 0 stands for, on a path that begins at the photo."""

    held_bytes = 0

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine."""
        check()
        return rgb.copy()

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine."""
        return [self.stylize(rgb, check) for rgb in photos]


class PhotoShareEngine:
    """Paints with another engine, and lets `share` (0..1) of the photo shine through.

    The photo is mixed into the painting where that lies: no third picture is in memory.
    """

    def __init__(self, engine: Engine, share: float) -> None:
        self._engine = engine
        self._share = share

    @property
    def held_bytes(self) -> int:
        """See Engine."""
        return self._engine.held_bytes

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine."""
        return self.stylize_batch([rgb], check)[0]

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine."""
        paintings = self._engine.stylize_batch(photos, check)
        for painting, rgb in zip(paintings, photos, strict=True):
            self._mix(painting, rgb, check)
        return paintings

    def _mix(self, painting: Pixels, rgb: Pixels, check: Check) -> None:
        height, width, _ = rgb.shape
        rows = max(1, _BAND_PIXELS // width)
        share = np.float32(self._share)
        for top in range(0, height, rows):
            check()
            band = slice(top, top + rows)
            mixed = rgb[band] * share
            mixed += painting[band] * (1 - share)
            painting[band] = np.rint(mixed, out=mixed)
