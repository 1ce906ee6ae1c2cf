"""An engine for photos of any size: painted as a whole if memory suffices, else tile by tile."""

from collections.abc import Callable, Sequence
from typing import Protocol

from worker.engines.memory import is_out_of_memory
from worker.engines.port import Check, Engine, Pixels, go_on
from worker.engines.streaming.painter import StreamedNet
from worker.net.grain import laid


class WholeEngine(Engine, Protocol):
    """An engine that paints photos as a whole, and knows how much memory that takes."""

    def needed_bytes(self, height: int, width: int) -> int:
        """Estimate the bytes that painting a photo of a size takes."""
        ...


class SizedEngine:
    """Chooses how a photo is painted; the painting is the same either way.

    As a whole if that takes at most `limit_bytes` (None: no limit) and memory suffices now. Else
    tile by tile, after `evict` has dropped caches that can be rebuilt. `whole` is handed photos
    with the net's grain on them; tiles get theirs one by one, without a copy of the photo.
    """

    def __init__(
        self,
        whole: WholeEngine,
        streamed: StreamedNet,
        *,
        limit_bytes: int | None,
        evict: Callable[[], None] = lambda: None,
    ) -> None:
        self.whole = whole
        self.streamed = streamed
        self._limit_bytes = limit_bytes
        self._evict = evict

    @property
    def held_bytes(self) -> int:
        """See Engine."""
        return self.whole.held_bytes

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        """See Engine; raises MemoryError if even the disk is full."""
        return self.stylize_batch([rgb], check)[0]

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        """See Engine; raises as `stylize` does."""
        painted = self._try_whole(photos, check) if self._fits(photos[0]) else None
        if painted is not None:
            return painted
        if len(photos) > 1:  # one may fit where several do not
            return [self.stylize(rgb, check) for rgb in photos]
        self._evict()
        return [self.streamed.paint(photos[0], check)]

    def _fits(self, rgb: Pixels) -> bool:
        height, width, _ = rgb.shape
        limit = self._limit_bytes
        return limit is None or self.whole.needed_bytes(height, width) <= limit

    def _try_whole(self, photos: Sequence[Pixels], check: Check) -> list[Pixels] | None:
        """Paint photos as a whole; return None if memory runs out or would."""
        try:
            grain = self.streamed.config.grain
            return self.whole.stylize_batch([laid(rgb, grain) for rgb in photos], check)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None
