"""The OpenVINO engine: faster than PyTorch on a CPU; float32 by default."""

from collections.abc import Sequence

import numpy as np

from worker.engines.openvino.programs import COMPILED_BYTES, Program, Programs, activation_bytes
from worker.engines.port import Check, Pixels, go_on
from worker.engines.weights import rewritten
from worker.net import SMALLEST_SIDE, TransformNet


class OpenVinoEngine:
    """A net on OpenVINO, compiled when it paints for the first time."""

    def __init__(self, net: TransformNet, *, programs: Programs) -> None:
        self._config = net.config
        self.weights = rewritten(net)
        self._programs = programs
        self._program: Program | None = None

    @property
    def held_bytes(self) -> int:
        """See Engine; also before the net is compiled."""
        return sum(weight.nbytes for weight in self.weights.values()) + COMPILED_BYTES

    def needed_bytes(self, height: int, width: int) -> int:
        """See WholeEngine: the activations of a photo's size, tiny sides extended."""
        return activation_bytes(self._config, max(height, SMALLEST_SIDE), max(width, SMALLEST_SIDE))

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine."""
        return [self.stylize(rgb, check) for rgb in photos]

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine."""
        check()
        height, width, _ = rgb.shape
        if self._program is None:
            self._program = self._programs.compile(self._config, self.weights)
        painting = self._programs.paint(self._program, _extend(rgb))
        return np.ascontiguousarray(painting[:height, :width])


def _extend(rgb: Pixels) -> Pixels:
    """Repeat the right and bottom edge of a tiny photo, as the net itself does."""
    height, width, _ = rgb.shape
    bottom, right = max(0, SMALLEST_SIDE - height), max(0, SMALLEST_SIDE - width)
    return np.pad(rgb, ((0, bottom), (0, right), (0, 0)), "edge") if bottom or right else rgb
