"""Settings of the C library's allocator (glibc's mallopt) for this process."""

import ctypes
from typing import Final

from PIL import Image

#: Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

#: Bytes of one piece from which it is given back at once; the most that glibc allows.
MAPPED_BYTES: Final = 32 << 20
#: Bytes of the pieces that Pillow lays large pictures in. Of its own 16 MiB the heap is made, and
#: whatever comes to lie behind them keeps them all: 400 MB after a result of 100 megapixels.
PICTURE_BYTES: Final = 2 * MAPPED_BYTES
#: Bytes at the heap's end that are kept when they are free.
KEPT_BYTES: Final = 128 << 20


def share_one_heap() -> None:
    """Let all threads of this process take memory from one heap; to be called before they begin.

    glibc gives each its own, and what engines give back in one serves no other: after 140 photos of
    as many sizes OpenVINO's programs held a sixth more, and ever more. One heap is emptied more
    often than many, though, and every page anew costs the kernel a visit (twice as many for a photo
    painted tile by tile), so some of it is kept. Without glibc, nothing.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        Image.core.set_block_size(PICTURE_BYTES)
