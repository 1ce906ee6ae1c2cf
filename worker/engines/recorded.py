"""A net recorded for the sizes that come again: on CUDA, one launch instead of hundreds."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

#: From (B, 3, H, W) to the same shape.
Painter = Callable[[Tensor], Tensor]
#: Makes a painter for exactly the shape of a first batch.
Recorder = Callable[[Painter, Tensor], Painter]

#: Sizes that stay recorded; each holds the memory of its activations.
RECORDED_SIZES = 4
#: Pixels of the largest batch that is recorded: for larger ones, launches take no part of the time
#: worth saving, and activations much memory.
RECORDED_PIXELS = 2_000_000
#: Sizes whose first coming is remembered.
REMEMBERED_SIZES = 64
#: Runs before a recording, in which libraries choose their algorithms.
_WARM_UPS = 2


class RecordedSizes:
    """Paints a shape's first batch as the net stands, and records it when the shape comes again.

    An album is most often of one camera, and of its few sizes; one of all sizes gains nothing by
    recordings. Sizes are exact: padding would change the statistics of instance norm.
    """

    def __init__(self, paint: Painter, record: Recorder) -> None:
        self._paint = paint
        self._record = record
        #: Painters by size; None for one that was met once. The most recently used last.
        self._sizes: OrderedDict[tuple[int, ...], Painter | None] = OrderedDict()

    def __call__(self, photo: Tensor) -> Tensor:
        """Paint photos of one size, (B, 3, H, W), to the same shape."""
        size = tuple(photo.shape)
        if photo[:, 0].numel() > RECORDED_PIXELS:
            return self._paint(photo)
        painter = self._sizes.get(size)
        if painter is None and size in self._sizes:
            self._forget_oldest_recording()
            painter = self._record(self._paint, photo)
        self._sizes[size] = painter
        self._sizes.move_to_end(size)
        if len(self._sizes) > REMEMBERED_SIZES:
            self._sizes.popitem(last=False)
        return (painter or self._paint)(photo)

    def _forget_oldest_recording(self) -> None:
        recorded = [size for size, painter in self._sizes.items() if painter is not None]
        if len(recorded) >= RECORDED_SIZES:
            del self._sizes[recorded[0]]


def record_cuda_graph(paint: Painter, photo: Tensor) -> Painter:
    """Return `paint` for photos of exactly this size, as one CUDA graph.

    After "Whole-network capture" in PyTorch's notes on CUDA semantics: warm up on a side stream,
    capture, then copy each photo to where the first one lay.
    """
    place = photo.clone()
    side = torch.cuda.Stream(photo.device)
    side.wait_stream(torch.cuda.current_stream(photo.device))
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            paint(place)
    torch.cuda.current_stream(photo.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        painting = paint(place)

    def replay(following: Tensor) -> Tensor:
        place.copy_(following)
        graph.replay()
        return painting

    return replay
