"""What an engine is to everybody who has a photo to paint."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
#: Called now and then while a photo is painted; what it raises ends the work.
Check = Callable[[], None]


def go_on() -> None:
    """Check nothing."""


class WholeEngine(Protocol):
    """A loaded net on a device, for photos that fit into its memory."""

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
class BatchEngine(WholeEngine, Protocol):
    """An engine that gains by painting photos of one size together."""

    def stylize_batch(self, photos: Sequence[Pixels]) -> list[Pixels]:
        """Paint photos, each as `stylize` would; all must have the same size."""
        ...


class Engine(Protocol):
    """A loaded net on a device, for photos of any size."""

    @property
    def held_bytes(self) -> int:
        """See WholeEngine."""
        ...

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """Paint a photo as WholeEngine does, or piece by piece, with a `check` before each.

        Raises MemoryError for a photo that there is no room for, and what `check` raises.
        """
        ...

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """Paint photos of one size, each as `stylize` would: together where that pays."""
        ...
