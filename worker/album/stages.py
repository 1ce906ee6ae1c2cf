"""The threads that photos pass through in one worker, and how many are on their way.

They are the process's, not a chunk's: the next chunk's first photos come in while the last ones of
the chunk before are on the device or being stored.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much is at work at a time. Each photo may hold its pixels twice, so it bounds memory."""

    #: Photos between their fetching and their commit, over all chunks.
    window: int
    #: Photos of one size that the device is given together, at most.
    batch: int
    #: Threads that fetch and decode, and threads that encode and store.
    ahead: int
    behind: int


#: One photo being stored, one on the device, one decoded or being decoded: a CPU's cores have
#: enough to do with the net, and one photo fills them.
CPU_PACE: Final = Pace(window=3, batch=1, ahead=2, behind=1)


def gpu_pace(cores: int | None = os.cpu_count()) -> Pace:
    """Return the pace of a GPU, which the codecs of a machine's cores can hardly keep busy."""
    codecs = max(2, min(cores or 2, 16) // 2)
    return Pace(window=4 * codecs + 4, batch=4, ahead=codecs, behind=codecs)


class Places:
    """The window's places, each of one photo. Threads may share it."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []

    def take(self, wanted: int, freed: Callable[[], None]) -> int:
        """Take up to so many places; `freed` is called once, later, where there were fewer."""
        with self._lock:
            taken = min(wanted, self._free)
            self._free -= taken
            if taken < wanted and freed not in self._waiting:
                self._waiting.append(freed)
            return taken

    def give_back(self, count: int) -> None:
        """Free places, and tell everybody who waits for one."""
        with self._lock:
            self._free += count
            told, self._waiting = self._waiting, []
        for freed in told:
            freed()


class Stages:
    """A pool of threads for each stage, and the places of the window."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.places = Places(pace.window)
        self.ahead = ThreadPoolExecutor(pace.ahead, thread_name_prefix="ahead")
        self.device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self.behind = ThreadPoolExecutor(pace.behind, thread_name_prefix="behind")
        # One thread, because the service takes one report of a chunk's outcomes at a time.
        self.commits = ThreadPoolExecutor(1, thread_name_prefix="commits")
