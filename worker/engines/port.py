"""The interface of an engine, for everything that paints photos."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
#: Called now and then while a photo is painted; an exception from it ends the work.
Check = Callable[[], None]


def go_on() -> None:
    """Check nothing."""


class Engine(Protocol):
    """A loaded net on a device."""

    @property
    def held_bytes(self) -> int:
        """Bytes freed with the engine: its weights, and programs compiled for them alone."""
        ...

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """Paint a photo: (H, W, 3) uint8 sRGB, any size, to a new array of the same shape.

        Calls `check` before each piece of the work. Raises MemoryError if memory for the photo is
        short now, and what `check` raises.
        """
        ...

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """Paint photos of one size, each as `stylize` would: together where that pays."""
        ...
