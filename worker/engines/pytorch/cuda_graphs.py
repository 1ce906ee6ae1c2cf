"""CUDA graphs of a net for sizes that recur: one launch instead of hundreds."""

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
#: Paintings for which a recording must have been idle before it may be replaced: recording costs
#: the time of some paintings, and sizes that alternate would evict each other for ever.
IDLE_PAINTINGS = 64
#: Pixels of the largest batch that is recorded: for larger ones launches are a small share of the
#: time, and activations take much memory.
RECORDED_PIXELS = 2_000_000
#: Sizes that are remembered after their first photo.
REMEMBERED_SIZES = 64
#: Runs before a recording, in which libraries choose their algorithms.
_WARM_UPS = 2


class Recordings:
    """A register of the recorded sizes; `limit` bounds them over all nets that share it."""

    def __init__(self, limit: int = RECORDED_SIZES) -> None:
        self._limit = limit
        self._paintings = 0
        #: By net and size, the number of the painting that last used it.
        self._used = WeakKeyDictionary["RecordedSizes", dict[Size, int]]()

    def count(self) -> None:
        """Count a painting."""
        self._paintings += 1

    def use(self, net: "RecordedSizes", size: Size) -> None:
        """Note that a recording was made or used."""
        self._used.setdefault(net, {})[size] = self._paintings

    def try_evict(self) -> bool:
        """Return whether another recording may be made, after evicting an idle one if necessary."""
        known = [(used, net, size) for net, of in self._used.items() for size, used in of.items()]
        if len(known) < self._limit:
            return True
        used, net, size = min(known, key=itemgetter(0))
        if self._paintings - used < IDLE_PAINTINGS:
            return False
        self._forget(net, size)
        return True

    def clear(self) -> None:
        """Drop every recording, and its memory."""
        for net, of in list(self._used.items()):
            for size in list(of):
                self._forget(net, size)

    def _forget(self, net: "RecordedSizes", size: Size) -> None:
        net.forget(size)
        del self._used[net][size]


class RecordedSizes:
    """Paints the first batch of a shape eagerly, and records the net when the shape recurs.

    Most albums come from one camera and have few sizes; an album of many sizes gains nothing from
    recordings. Sizes are exact: padding would change the statistics of instance norm.
    """

    def __init__(self, paint: Painter, record: Recorder, recordings: Recordings) -> None:
        self._paint = paint
        self._record = record
        self._recordings = recordings
        self._painters: dict[Size, Painter] = {}
        #: Sizes that were seen and are not recorded, the most recent last.
        self._met: OrderedDict[Size, None] = OrderedDict()

    def __call__(self, photo: Tensor) -> Tensor:
        """Paint photos of one size, (B, 3, H, W), to the same shape."""
        size = tuple(photo.shape)
        if photo[:, 0].numel() > RECORDED_PIXELS:
            return self._paint(photo)
        self._recordings.count()
        if size in self._met and self._recordings.try_evict():
            self._painters[size] = self._record(self._paint, photo)
            del self._met[size]
        if painter := self._painters.get(size):
            self._recordings.use(self, size)
            return painter(photo)
        self._meet(size)
        return self._paint(photo)

    def forget(self, size: Size) -> None:
        """Drop a recording."""
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
