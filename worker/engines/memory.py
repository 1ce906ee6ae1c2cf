"""The host's free memory, so that a photo is refused before it gets the worker killed."""

from pathlib import Path
from typing import Final

from worker.net import SMALLEST_SIDE

#: Bytes of activations that PyTorch holds at its peak, for each pixel and each channel of the
#: net's width, in float32 (measured: about 500 bytes a pixel at width 16).
BYTES_PER_PIXEL_AND_CHANNEL = 34

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")

#: Messages of libraries that ran out of memory and have no class for it: PyTorch on a CPU, C++ and
#: OpenVINO, CUDA and its libraries.
_OUT_OF_MEMORY: Final = (
    "can't allocate memory",
    "bad_alloc",
    "Failed to allocate",
    "CUDA error: out of memory",
    "STATUS_ALLOC_FAILED",
)


def needed_bytes(height: int, width: int, channels: int) -> int:
    """Estimate the bytes that painting one photo as a whole takes, with tiny sides extended."""
    extended = max(height, SMALLEST_SIDE) * max(width, SMALLEST_SIDE)
    return extended * channels * BYTES_PER_PIXEL_AND_CHANNEL


def check_memory(needed: int, free: int | None) -> None:
    """Raise MemoryError if fewer bytes are free than needed; None means unknown.

    Otherwise the kernel would kill this process, or another one in its place.
    """
    if free is not None and needed > free:
        raise MemoryError(f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free")


def available_bytes(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Return the bytes a process may still take without swapping; None if unknown.

    On Linux, the lesser of the kernel's available memory and the rest of the control group's limit.
    """
    known = [free for free in (_of_host(meminfo), _of_group(cgroup)) if free is not None]
    return min(known, default=None)


def _of_host(meminfo: Path) -> int | None:
    found = _field(meminfo, "MemAvailable:")
    return None if found is None else found * 1024


def _of_group(cgroup: Path) -> int | None:
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = (cgroup / "memory.current").read_text().strip()
    except OSError:
        return None
    if limit == "max":
        return None
    # The group's page cache is evicted before a process is killed.
    cached = _field(cgroup / "memory.stat", "inactive_file") or 0
    return max(int(limit) - int(used) + cached, 0)


def _field(file: Path, name: str) -> int | None:
    """Return the number beside a name at the beginning of a line; None where there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), None)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, on the host or on the device."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY))
    )
