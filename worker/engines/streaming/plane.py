"""A picture of many channels in a file, in half precision: memory holds what is in use."""

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from torch import Tensor

from infra.disk import is_full_disk
from worker.engines.streaming.windows import Span, Window

#: Linux 5.14, asm-generic/mman-common.h.
_MADV_POPULATE_WRITE = 23
_LIBC = ctypes.CDLL(None)


class Plane:
    """(C, height, width), stored channels last; its file has no name and goes with it.

    Several threads may read and write windows that do not overlap. Raises MemoryError where the
    disk has no room.
    """

    def __init__(self, folder: Path, height: int, width: int, channels: int) -> None:
        self.height, self.width = height, width
        size = plane_bytes(height, width, channels)
        with _room_for(size), TemporaryFile(dir=folder) as file:
            # A mapped file that finds no room on the disk later ends the process.
            os.posix_fallocate(file.fileno(), 0, size)
            self._mapped = mmap.mmap(file.fileno(), size)
        values = np.frombuffer(self._mapped, np.float16).reshape(height, width, channels)
        self._values = torch.from_numpy(values)

    def read(self, window: Window) -> Tensor:
        """Return a window, (1, C, rows, columns) float16; a view."""
        return self._values[window.slices].permute(2, 0, 1)[None]

    def write(self, window: Window, x: Tensor) -> None:
        """Set a window to (1, C, rows, columns) of any float type, on any device."""
        self.read(window).copy_(x)

    def expect(self, rows: Span) -> None:
        """Lay the pages of some rows ready, which are about to be written.

        In one visit to the kernel instead of one for each page, which took a tenth of the time.
        """
        stride = self._values.stride(0) * self._values.element_size()
        first = rows.start * stride // mmap.PAGESIZE * mmap.PAGESIZE
        self._advise(_MADV_POPULATE_WRITE, first, rows.stop * stride - first)

    def rest(self) -> None:
        """Take the pages off this process; the kernel keeps them as long as it likes."""
        self._advise(mmap.MADV_DONTNEED, 0, self._values.nbytes)

    def _advise(self, advice: int, first: int, size: int) -> None:
        """Let the kernel know of some bytes; one that does not know the advice leaves them be.

        By madvise(2) itself: Python's own keeps all of its threads waiting meanwhile.
        """
        start = ctypes.c_void_p(self._values.data_ptr() + first)
        _LIBC.madvise(start, ctypes.c_size_t(size), ctypes.c_int(advice))


def plane_bytes(height: int, width: int, channels: int) -> int:
    """Return the size of a plane's file."""
    return height * width * channels * 2


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    """Say in one way that there is none, of the disk or of addresses."""
    try:
        yield
    except OSError as error:
        if not is_full_disk(error) and error.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"{size / 1e9:.1f} GB are needed on the disk") from error
