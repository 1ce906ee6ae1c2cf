"""A small disk of its own for a stack's data, which can be filled up without harm to others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Bytes of the disk: logs, Redis's file and the objects of a long run fit in.
DISK_BYTES = 1 << 30
#: Bytes that the ballast grows by.
_PIECE = 1 << 20
_BALLAST = "ballast"


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk on a folder; yields whether this user may (Linux, root)."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={DISK_BYTES},mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "impasto-faults", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free on the folder's disk for a while."""
    ballast = folder / _BALLAST
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            piece = bytes(_PIECE)
            while piece:
                written = file.write(piece)
                piece = piece[: max(written or 0, 1)]  # the last pages are smaller than a piece
                os.fsync(file.fileno())
        yield
    finally:
        ballast.unlink(missing_ok=True)
