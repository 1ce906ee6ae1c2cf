"""A net recorded for the sizes that come again: on CUDA, one launch instead of hundreds."""

from collections import OrderedDict
from collections.abc import Callable
from operator import itemgetter
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

#: From (B, 3, H, W) to the same shape.
Painter = Callable[[Tensor], Tensor]
#: Makes a painter for exactly the shape of a first batch.
Recorder = Callable[[Painter, Tensor], Painter]
#: (B, 3, H, W).
Size = tuple[int, ...]

#: Sizes that stay recorded, over all nets of a process; each holds the memory of its activations.
RECORDED_SIZES = 8
#: Paintings in which a recording was of no use, before another may take its place: recording costs
#: the time of some paintings, and sizes that take turns would record each other away for ever.
RESTED = 64
#: Pixels of the largest batch that is recorded: for larger ones, launches take no part of the time
#: worth saving, and activations much memory.
RECORDED_PIXELS = 2_000_000
#: Sizes whose first coming is remembered.
REMEMBERED_SIZES = 64
#: Runs before a recording, in which libraries choose their algorithms.
_WARM_UPS = 2


class Recordings:
    """Which sizes of which nets are recorded: so many at most, over all nets that share this."""

    def __init__(self, limit: int = RECORDED_SIZES) -> None:
        self._limit = limit
        self._paintings = 0
        #: By net and size, after which painting it was last of use.
        self._used = WeakKeyDictionary["RecordedSizes", dict[Size, int]]()

    def count(self) -> None:
        """Take note of a painting."""
        self._paintings += 1

    def use(self, net: "RecordedSizes", size: Size) -> None:
        """Take note of a recording that is made or of use."""
        self._used.setdefault(net, {})[size] = self._paintings

    def make_place(self) -> bool:
        """Whether one more may be made, if need be by forgetting one that has rested."""
        known = [(used, net, size) for net, of in self._used.items() for size, used in of.items()]
        if len(known) < self._limit:
            return True
        used, net, size = min(known, key=itemgetter(0))
        if self._paintings - used < RESTED:
            return False
        self._forget(net, size)
        return True

    def clear(self) -> None:
        """Forget all, and free their memory."""
        for net, of in list(self._used.items()):
            for size in list(of):
                self._forget(net, size)

    def _forget(self, net: "RecordedSizes", size: Size) -> None:
        net.forget(size)
        del self._used[net][size]


class RecordedSizes:
    """Paints a shape's first batch as the net stands, and records it when the shape comes again.

    An album is most often of one camera, and of its few sizes; one of all sizes gains nothing by
    recordings. Sizes are exact: padding would change the statistics of instance norm.
    """

    def __init__(self, paint: Painter, record: Recorder, recordings: Recordings) -> None:
        self._paint = paint
        self._record = record
        self._recordings = recordings
        self._painters: dict[Size, Painter] = {}
        #: Sizes that were met and are not recorded. The most recently met last.
        self._met: OrderedDict[Size, None] = OrderedDict()

    def __call__(self, photo: Tensor) -> Tensor:
        """Paint photos of one size, (B, 3, H, W), to the same shape."""
        size = tuple(photo.shape)
        if photo[:, 0].numel() > RECORDED_PIXELS:
            return self._paint(photo)
        self._recordings.count()
        if size in self._met and self._recordings.make_place():
            self._painters[size] = self._record(self._paint, photo)
            del self._met[size]
        if painter := self._painters.get(size):
            self._recordings.use(self, size)
            return painter(photo)
        self._meet(size)
        return self._paint(photo)

    def forget(self, size: Size) -> None:
        """Let go of a recording."""
        del self._painters[size]
        self._meet(size)

    def _meet(self, size: Size) -> None:
        self._met[size] = None
        self._met.move_to_end(size)
        if len(self._met) > REMEMBERED_SIZES:
            self._met.popitem(last=False)


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
