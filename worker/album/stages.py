"""The thread pools that photos pass through in one worker, and the limits on their number.

They belong to the process and not to a chunk: the next chunk's first photos are prefetched while
the last photos of the chunk before are on the device or being stored.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimits:
    """Limits on the photos in progress, and so on memory: a photo may hold its pixels twice."""

    #: Photos between fetch and commit, over all chunks.
    window: int
    #: Photos of one size that the device gets together, at most.
    batch: int
    #: Threads that fetch and decode.
    prefetch: int
    #: Threads that encode and store.
    postprocess: int


#: One photo being stored, one on the device, one decoded or being decoded: the net keeps a CPU's
#: cores busy, and one photo fills them.
CPU_LIMITS: Final = ConcurrencyLimits(window=3, batch=1, prefetch=2, postprocess=1)


def gpu_limits(cores: int | None = os.cpu_count()) -> ConcurrencyLimits:
    """Return the limits for a GPU: it needs half of the cores for decoding, half for encoding."""
    codecs = max(2, min(cores or 2, 16) // 2)
    return ConcurrencyLimits(window=4 * codecs + 4, batch=4, prefetch=codecs, postprocess=codecs)


class Slots:
    """The window's slots, one a photo. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []

    def take(self, wanted: int, freed: Callable[[], None]) -> int:
        """Take up to `wanted` slots and return how many; with fewer, `freed` is called once later.

        It is called when slots have been given back, by the thread that gave them.
        """
        with self._lock:
            taken = min(wanted, self._free)
            self._free -= taken
            if taken < wanted and freed not in self._waiting:
                self._waiting.append(freed)
            return taken

    def give_back(self, count: int) -> None:
        """Free slots, and call everybody who waits for one."""
        with self._lock:
            self._free += count
            waiting, self._waiting = self._waiting, []
        for freed in waiting:
            freed()


class Stages:
    """A thread pool for each stage, and the window's slots."""

    def __init__(self, limits: ConcurrencyLimits) -> None:
        self.limits = limits
        self.slots = Slots(limits.window)
        self.prefetch = ThreadPoolExecutor(limits.prefetch, thread_name_prefix="prefetch")
        self.device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self.postprocess = ThreadPoolExecutor(limits.postprocess, thread_name_prefix="postprocess")
        # One thread, because the service takes one report of a chunk's outcomes at a time.
        self.commits = ThreadPoolExecutor(1, thread_name_prefix="commits")
