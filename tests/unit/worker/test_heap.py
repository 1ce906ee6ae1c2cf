"""One heap for all threads."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

#: Four threads take memory at one time; then the C library says how many heaps there are.
HEAPS = """
import ctypes, sys, threading
from worker.heap import share_one_heap

if sys.argv[1] == "shared":
    share_one_heap()
libc = ctypes.CDLL(None)
libc.fopen.restype = libc.malloc.restype = ctypes.c_void_p
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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not the GNU C library")
@pytest.mark.parametrize(("how", "one"), [("shared", True), ("apart", False)])
def test_threads_share_a_heap_once_they_are_told_to(tmp_path: Path, how: str, one: bool) -> None:
    told = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", HEAPS, how, str(told)], check=True)
    assert (told.read_text().count("<heap nr=") == 1) is one
