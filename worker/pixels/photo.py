"""A decoded photo, the limits it was decoded within, and why one is turned away."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worker.pixels.metadata.blocks import Metadata

#: Formats that results are written in.
ResultFormat = Literal["JPEG", "PNG", "WEBP"]

Pixels = NDArray[np.uint8]

#: Shorter sides count as so many pixels: to as many every net extends them (worker.net).
COUNTED_SIDE = 16


class PhotoRejected(Exception):
    """This photo cannot be worked on; the album goes on without it.

    `type` is a stable slug, `detail` one sentence: what is wrong and what to do.
    """

    def __init__(self, type: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type
        self.detail = detail


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """How large a photo may be, in megapixels (1e6), judged by its header before decoding.

    As nets paint it: a line of a million pixels is a photo of 16 million. Pillow's own bomb limit
    (178 megapixels) stays behind it as a second line.
    """

    max_megapixels: float

    def check(self, width: int, height: int) -> None:
        """Let a size pass or raise PhotoRejected `photo-too-large`."""
        megapixels = max(width, COUNTED_SIDE) * max(height, COUNTED_SIDE) / 1e6
        if megapixels > self.max_megapixels:
            raise self.too_large(f"The photo has {width}×{height} pixels")

    def too_large(self, finding: str) -> PhotoRejected:
        """Return the rejection; `finding` says how large the photo is."""
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
    send, and PNG. `metadata` is what the result carries on.
    """

    rgb: Pixels
    alpha: Pixels | None
    format: ResultFormat
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def height(self) -> int:
        """Rows of pixels, after orientation."""
        return self.rgb.shape[0]

    @property
    def width(self) -> int:
        """Columns of pixels, after orientation."""
        return self.rgb.shape[1]
