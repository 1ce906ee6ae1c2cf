"""What an engine is to everybody who has a photo to paint."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that gains by painting photos of one size together."""

    def stylize_batch(self, photos: Sequence[Pixels]) -> list[Pixels]:
        """Paint photos, each as `stylize` would; all must have the same size."""
        ...
