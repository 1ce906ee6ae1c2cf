"""The time and memory that one photo may take to decode, held by the kernel.

So they hold in native code too, which looks at nothing while it works: a decoder process that
goes beyond its time ends at once, and beyond its memory it is refused more.
"""

import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker.pixels.photo import PixelLimits

#: CPU seconds to find out how large a photo is, and then to decode it for each megapixel. Slow
#: kinds (PNG with alpha, lossless WebP) take 0.05 s a megapixel where this was measured.
SECONDS = 1.0
SECONDS_PER_MEGAPIXEL = 0.25

#: What the kernel ends a decoder with that goes beyond its time.
OUT_OF_TIME = signal.SIGPROF

#: Bytes that decoding takes at its peak, for each pixel (measured: 14 for a JPEG, 23 for lossless
#: WebP and floats).
BYTES_PER_PIXEL = 26

#: Bytes that a photo takes for each pixel from then on until its result is stored: its own and the
#: painting's, the result's twice while it is encoded, and the file.
KEPT_BYTES_PER_PIXEL = 12

_MEMORY_PAGES = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


@dataclass(frozen=True)
class TimedLimits(PixelLimits):
    """Limits that give this process time for a photo as soon as its size is known.

    `begin` is called with that size, in pixels, before any is decoded.
    """

    begin: Callable[[int], None]

    def check(self, width: int, height: int) -> None:
        """Let a size pass and set its time, or raise PhotoRejected `photo-too-large`."""
        super().check(width, height)
        self.begin(width * height)
        allow_seconds(SECONDS + SECONDS_PER_MEGAPIXEL * width * height / 1e6)


def allow_seconds(seconds: float) -> None:
    """End this process once it has worked for so many more CPU seconds; 0 for no limit.

    CPU time, because a machine that is busy with something else is no photo's fault.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def allow_memory(more_bytes: int) -> None:
    """Refuse this process memory beyond what it has now and so much more (on Linux).

    And should the host run out of memory nevertheless, it is this process that has to go.
    """
    if not _MEMORY_PAGES.exists():
        return
    data_pages = int(_MEMORY_PAGES.read_text().split()[5])
    limit = data_pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with suppress(OSError):
        _OOM_SCORE.write_text("1000")


def memory_for(limits: PixelLimits, max_file_bytes: int) -> int:
    """Return the bytes that decoding the largest photo within limits may take."""
    return int(limits.max_megapixels * 1e6) * BYTES_PER_PIXEL + 2 * max_file_bytes
