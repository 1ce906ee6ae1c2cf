"""What an engine is to everybody who has a photo to paint."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Engine(Protocol):
    """A loaded net on a device."""

    @property
    def held_bytes(self) -> int:
        """Bytes that go when the engine goes: weights, and what was compiled for them alone."""
        ...

    def stylize(self, rgb: Pixels) -> Pixels:
        """Paint a photo: (H, W, 3) uint8 sRGB, any size, to a new array of the same shape.

        Raises MemoryError for a photo that there is no memory for now.
        """
        ...
