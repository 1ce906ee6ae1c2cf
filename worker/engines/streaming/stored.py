"""Pictures stored in planes, and sums of them: the plain path of the residual blocks."""

import torch
from torch import Tensor

from worker.engines.streaming.norms import FrozenNorm
from worker.engines.streaming.pictures import Picture
from worker.engines.streaming.plane import Plane
from worker.engines.streaming.windows import Window


class StoredPicture:
    """A plane, followed by its norm and a rectifier if it has them."""

    def __init__(
        self,
        plane: Plane,
        norm: FrozenNorm | None,
        *,
        rectified: bool,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.plane = plane
        self._norm, self._rectified = norm, rectified
        self._device, self._dtype = device, dtype
        self.height, self.width = plane.height, plane.width

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        stored = self.plane.read(window).to(self._device, self._dtype, copy=True)
        normed = self._norm(stored) if self._norm else stored
        return normed.relu_() if self._rectified else normed


class Total:
    """The sum of two pictures of one size."""

    def __init__(self, first: Picture, second: Picture) -> None:
        self._first, self._second = first, second
        self.height, self.width = first.height, first.width

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        return self._first.read(window).add_(self._second.read(window))
