"""Lazy pictures: a chain of layers, each computed when a window of it is read.

A picture has the size of a layer's whole result and stores none of it. Reading a window reads a
window of the picture before it, larger by the kernel's reach. At the picture's own border the
layer's own padding is used, so every number equals that of the whole picture.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from worker.engines.port import Pixels
from worker.engines.pytorch.channels_last import PHASES, PadMode, interleaved, padded
from worker.engines.streaming.norms import FrozenNorm
from worker.engines.streaming.windows import Span, Window
from worker.net import SMALLEST_SIDE, Upsample
from worker.net.grain import laid


class Picture(Protocol):
    """A picture of which windows can be read; height and width are in its own pixels."""

    @property
    def height(self) -> int:
        """Rows."""
        ...

    @property
    def width(self) -> int:
        """Columns."""
        ...

    def read(self, window: Window) -> Tensor:
        """Return a window that lies within: (1, C, rows, columns), the caller's to change."""
        ...


class PhotoPicture:
    """The photo under the net's grain, 0..1, less a colour, which the first norm would take away.

    It is the photo's mean: left in, it would drown what a nearly flat photo shows in the rounding
    of sums. A tiny photo has its right and bottom edge repeated, as the net does.
    """

    def __init__(
        self, rgb: Pixels, grain: float = 0.0, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._rgb, self._grain = rgb, grain
        self._device, self._dtype = device, dtype
        colour = rgb.mean((0, 1), dtype=np.float64)
        self._colour = torch.from_numpy(colour).float().to(device)
        self.height, self.width = (max(side, SMALLEST_SIDE) for side in rgb.shape[:2])

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        rows, below = _reach(window.rows, self._rgb.shape[0])
        columns, beside = _reach(window.columns, self._rgb.shape[1])
        shown = self._rgb[rows, columns]
        pixels = laid(shown, self._grain, top=rows.start, left=columns.start)
        if below or beside:
            pixels = np.pad(pixels, ((0, below), (0, beside), (0, 0)), "edge")
        batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
        centred = batch.float().sub_(self._colour).div_(255)
        return centred.permute(2, 0, 1)[None].to(self._dtype)


class Convolution:
    """A reflection-padded convolution, followed by its norm and a rectifier once that is known."""

    def __init__(
        self, source: Picture, weight: Tensor, *, stride: int = 1, bias: Tensor | None = None
    ) -> None:
        self._source, self._weight, self._bias, self._stride = source, weight, bias, stride
        self.height = -(-source.height // stride)
        self.width = -(-source.width // stride)

    def normed(self, norm: FrozenNorm) -> "Convolution":
        """Return the picture after its norm and a rectifier."""
        weight, bias = norm.folded(self._weight)
        return Convolution(self._source, weight, stride=self._stride, bias=bias)

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        rows, columns = self._seen(window.rows), self._seen(window.columns)
        x = _read_padded(self._source, Window(rows, columns), "reflect")
        result = F.conv2d(x, self._weight, self._bias, self._stride)
        return result if self._bias is None else result.relu_()

    def _seen(self, span: Span) -> Span:
        reach = self._weight.shape[-1] // 2
        first, last = span.start * self._stride, (span.stop - 1) * self._stride
        return Span(first - reach, last + reach + 1)


class Doubling:
    """A picture of twice the height and width, by one of the net's ways up.

    `weight` is (4 O, I, 2, 2), as in worker.engines.weights: the channels phase by phase.
    """

    def __init__(
        self, source: Picture, weight: Tensor, upsample: Upsample, *, bias: Tensor | None = None
    ) -> None:
        self._source, self._weight, self._bias = source, weight, bias
        self._upsample: Upsample = upsample
        self.height, self.width = 2 * source.height, 2 * source.width
        #: The first row that the phases make of rows 0 and 1.
        self._first = 1 if upsample == "resize" else 0

    def normed(self, norm: FrozenNorm) -> "Doubling":
        """Return the picture after its norm and a rectifier."""
        weight, bias = norm.repeated(PHASES).folded(self._weight)
        return Doubling(self._source, weight, self._upsample, bias=bias)

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        rows, columns = self._seen(window.rows), self._seen(window.columns)
        mode: PadMode = "replicate" if self._upsample == "resize" else "constant"
        x = _read_padded(self._source, Window(rows, columns), mode)
        phases = F.conv2d(x, self._weight, self._bias)
        if self._bias is not None:
            phases.relu_()
        made = Window(self._made(rows), self._made(columns))
        shown = (window.rows.within(made.rows), window.columns.within(made.columns))
        return interleaved(phases, *shown)

    def _seen(self, span: Span) -> Span:
        return Span((span.start - self._first) // 2, (span.stop + 1 - self._first) // 2 + 1)

    def _made(self, seen: Span) -> Span:
        return Span(2 * seen.start + self._first, 2 * seen.stop - 2 + self._first)


class Paint:
    """The painting, in bytes' range but not yet rounded: a 9×9 convolution by phases.

    `weight` is (12, I, 10, 10), as in worker.engines.weights: red, green and blue of each phase.
    """

    _REACH = 4

    def __init__(self, source: Picture, weight: Tensor, bias: Tensor) -> None:
        self._source, self._weight, self._bias = source, weight, bias
        self.height, self.width = source.height, source.width

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        seen = Window(*(Span(s.start - self._REACH, s.stop + self._REACH) for s in window))
        x = _read_padded(self._source, seen, "reflect")
        # Phases come in pairs: with an odd number of rows, the last pair is half used.
        if any(odd := [span.length % 2 for span in window]):
            x = padded(x, (0, odd[1], 0, odd[0]), "constant")
        phases = F.conv2d(x, self._weight, self._bias, stride=2)
        return interleaved(phases, *(slice(span.length) for span in window))


class Crop:
    """The top left corner of a larger picture."""

    def __init__(self, whole: Picture, *, height: int, width: int) -> None:
        self._whole = whole
        self.height, self.width = height, width

    def read(self, window: Window) -> Tensor:
        """See Picture."""
        return self._whole.read(window)


def _read_padded(source: Picture, window: Window, mode: PadMode) -> Tensor:
    """Read a window that may reach beyond the border, padded there according to `mode`."""
    rows, columns = window.rows.inside(source.height), window.columns.inside(source.width)
    inside = source.read(Window(rows, columns))
    beyond = (
        columns.start - window.columns.start,
        window.columns.stop - columns.stop,
        rows.start - window.rows.start,
        window.rows.stop - rows.stop,
    )
    return padded(inside, beyond, mode) if any(beyond) else inside


def _reach(span: Span, side: int) -> tuple[slice, int]:
    """Return which of `side` rows a span shows, and how often the last is repeated after them."""
    shown = slice(min(span.start, side - 1), min(span.stop, side))
    return shown, span.length - (shown.stop - shown.start)
