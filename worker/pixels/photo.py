"""A decoded photo, the limits on its size, and the error for a rejected one."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from infra.jobs.formats import ResultFormat
from worker.pixels.metadata.blocks import Metadata

Pixels = NDArray[np.uint8]

#: A shorter side counts as this many pixels, because every net extends it to that (worker.net).
COUNTED_SIDE = 16


class PhotoRejected(Exception):
    """This photo cannot be painted; the album goes on without it.

    `type` is a stable slug, `detail` one sentence: what is wrong and what to do.
    """

    def __init__(self, type: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type
        self.detail = detail


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """The limit on a photo's size in megapixels (1e6), checked by its header before decoding.

    The size is the one that nets paint: a line of a million pixels counts as 16 million. Pillow's
    own bomb limit (178 megapixels) remains as a second check.
    """

    max_megapixels: float

    def check(self, width: int, height: int) -> None:
        """Raise PhotoRejected `photo-too-large` if a size exceeds the limit."""
        megapixels = max(width, COUNTED_SIDE) * max(height, COUNTED_SIDE) / 1e6
        if megapixels > self.max_megapixels:
            raise self.too_large(f"The photo has {width}×{height} pixels")

    def too_large(self, finding: str) -> PhotoRejected:
        """Return the rejection; `finding` is a clause about the photo's size."""
        return PhotoRejected(
            "photo-too-large",
            f"{finding}; the most this service takes is {self.max_megapixels:g} megapixels, "
            "so send it smaller.",
        )


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as people see it: upright, sRGB, flattened on white where it is transparent.

    `rgb` is (H, W, 3) and `alpha`, where the photo has transparency, (H, W). `format` is what the
    result will be written in: the photo's own where that is possible, else JPEG for what phones
    send, and PNG. `metadata` is what the result carries on, `note` what its sender is told.
    """

    rgb: Pixels
    alpha: Pixels | None
    format: ResultFormat
    metadata: Metadata = field(default_factory=Metadata)
    note: str | None = None

    @property
    def height(self) -> int:
        """Rows of pixels, after orientation."""
        return self.rgb.shape[0]

    @property
    def width(self) -> int:
        """Columns of pixels, after orientation."""
        return self.rgb.shape[1]
