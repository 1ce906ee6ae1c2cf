"""Limits on the time and memory for decoding one photo, enforced by the kernel.

So they hold in native code too: the kernel kills a decoder process that exceeds its CPU time, and
refuses it memory beyond its limit.
"""

import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker.pixels.photo import PixelLimits

#: CPU seconds for reading a photo's size, and for decoding each megapixel. Slow kinds (PNG with
#: alpha, lossless WebP) took 0.05 s a megapixel when this was measured.
SECONDS = 1.0
SECONDS_PER_MEGAPIXEL = 0.25

#: The signal by which the kernel kills a decoder that exceeds its time.
OUT_OF_TIME = signal.SIGPROF

#: Peak bytes a pixel while a photo is decoded (measured: 14 for a JPEG, 23 for lossless
#: WebP and floats).
BYTES_PER_PIXEL = 26

#: Bytes a pixel from then on until the result is stored: the photo's and the painting's, the
#: result's twice while it is encoded, and the file.
KEPT_BYTES_PER_PIXEL = 12

_MEMORY_PAGES = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


@dataclass(frozen=True)
class TimedLimits(PixelLimits):
    """Limits that also set this process's time limit as soon as a photo's size is known.

    `begin` is called with that size, in pixels, before decoding starts.
    """

    begin: Callable[[int], None]

    def check(self, width: int, height: int) -> None:
        """Set the time limit for a size, or raise PhotoRejected `photo-too-large`."""
        super().check(width, height)
        self.begin(width * height)
        allow_seconds(SECONDS + SECONDS_PER_MEGAPIXEL * width * height / 1e6)


def allow_seconds(seconds: float) -> None:
    """Have this process killed after `seconds` more of CPU time; 0 removes the limit.

    CPU time and not elapsed time: that the machine is busy is not the photo's fault.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def allow_memory(more_bytes: int) -> None:
    """Limit this process to `more_bytes` beyond the memory that it has now (on Linux).

    If the host runs out of memory nevertheless, the kernel kills this process first.
    """
    if not _MEMORY_PAGES.exists():
        return
    data_pages = int(_MEMORY_PAGES.read_text().split()[5])
    limit = data_pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with suppress(OSError):
        _OOM_SCORE.write_text("1000")


def memory_for(limits: PixelLimits, max_file_bytes: int) -> int:
    """Return the bytes that decoding the largest accepted photo may take."""
    return int(limits.max_megapixels * 1e6) * BYTES_PER_PIXEL + 2 * max_file_bytes
