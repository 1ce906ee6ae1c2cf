"""One heap for all threads, which keeps what it will need again."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not the GNU C library"
)

BEGIN = """
import ctypes, resource, sys, threading
from worker.process.malloc import share_one_heap

if sys.argv[1] == "shared":
    share_one_heap()
libc = ctypes.CDLL(None)
libc.fopen.restype = libc.malloc.restype = ctypes.c_void_p
"""

#: Four threads take memory at one time; then the C library says how many heaps there are.
HEAPS = """
together = threading.Barrier(4)

def take():
    together.wait()
    libc.malloc(ctypes.c_size_t(1000))
    together.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

#: Pieces as large as a tile's layers are taken, used and given back, again and again; prints how
#: many pages the kernel had to give, for each that is in use at a time.
AGAIN = """
SIZE, PIECES, ROUNDS = 20 << 20, 4, 10

def use():
    pieces = [libc.malloc(ctypes.c_size_t(SIZE)) for _ in range(PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, SIZE)
    for piece in pieces:
        libc.free(ctypes.c_void_p(piece))

use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(ROUNDS):
    use()
pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages * resource.getpagesize() / (SIZE * PIECES))
"""

#: A picture of 24 megapixels lies in memory when something small comes to lie behind it; prints how
#: many MiB of its 92 stay.
PICTURE = """
import psutil
import numpy as np
from PIL import Image

SIDE = 4900
pixels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
before = psutil.Process().memory_info().rss
picture = Image.fromarray(pixels)
small = libc.malloc(ctypes.c_size_t(200_000))
ctypes.memset(small, 1, 200_000)
del picture
print((psutil.Process().memory_info().rss - before) >> 20)
"""


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", BEGIN + script, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.parametrize(("how", "one"), [("shared", True), ("apart", False)])
def test_threads_share_a_heap_once_they_are_reported_to(
    tmp_path: Path, how: str, one: bool
) -> None:
    told = tmp_path / "heaps.xml"
    run(HEAPS, how, str(told))
    assert (told.read_text().count("<heap nr=") == 1) is one


def test_memory_that_is_needed_again_is_not_asked_for_again() -> None:
    """By itself the C library gives it back each time, and the kernel clears every page anew."""
    assert float(run(AGAIN, "shared")) < 2 < float(run(AGAIN, "apart"))


def test_a_large_picture_leaves_nothing_behind() -> None:
    assert int(run(PICTURE, "shared")) < 40
