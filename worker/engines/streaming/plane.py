"""A half-precision picture of many channels in a mapped file: only pages in use are in memory."""

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
    """A (C, height, width) picture, stored channels last in an unnamed temporary file.

    Threads may read and write windows that do not overlap. Raises MemoryError when the disk is
    full.
    """

    def __init__(self, folder: Path, height: int, width: int, channels: int) -> None:
        self.height, self.width = height, width
        size = plane_bytes(height, width, channels)
        with _full_disk_as_memory_error(size), TemporaryFile(dir=folder) as file:
            # Allocated now: a mapped file for which the disk is full later kills the process.
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

    def prefault(self, rows: Span) -> None:
        """Pre-fault the pages of rows about to be written (MADV_POPULATE_WRITE).

        One system call instead of a page fault for each page; those took a tenth of the time.
        """
        stride = self._values.stride(0) * self._values.element_size()
        first = rows.start * stride // mmap.PAGESIZE * mmap.PAGESIZE
        self._advise(_MADV_POPULATE_WRITE, first, rows.stop * stride - first)

    def unmap_pages(self) -> None:
        """Drop the pages from this process's memory; the kernel may keep them in its cache."""
        self._advise(mmap.MADV_DONTNEED, 0, self._values.nbytes)

    def _advise(self, advice: int, first: int, size: int) -> None:
        """Advise the kernel about a range of bytes; a kernel that lacks the advice ignores it.

        By madvise(2) itself: Python's own holds the interpreter lock meanwhile.
        """
        start = ctypes.c_void_p(self._values.data_ptr() + first)
        _LIBC.madvise(start, ctypes.c_size_t(size), ctypes.c_int(advice))


def plane_bytes(height: int, width: int, channels: int) -> int:
    """Return the size of a plane's file, in bytes."""
    return height * width * channels * 2


@contextmanager
def _full_disk_as_memory_error(size: int) -> Iterator[None]:
    """Raise MemoryError where the disk or the address space is used up."""
    try:
        yield
    except OSError as error:
        if not is_full_disk(error) and error.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"{size / 1e9:.1f} GB are needed on the disk") from error
