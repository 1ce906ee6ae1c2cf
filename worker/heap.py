"""How this process takes memory from the C library."""

import ctypes

#: `M_ARENA_MAX` of mallopt(3).
_ARENA_MAX = -8


def share_one_heap() -> None:
    """Let all threads of this process take memory from one heap; to be called before they begin.

    glibc gives each its own, and what engines give back in one serves no other: after 140 photos of
    as many sizes OpenVINO's programs held a sixth more, and ever more. Without glibc, nothing.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_ARENA_MAX, 1)
