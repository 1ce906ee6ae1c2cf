"""Who waits with whom: jobs of about one size share a lane, and workers take turns among lanes.

In one queue for all, ten thousand tiny jobs would keep an album waiting until the last of them is
done. In lanes, an album has its turn every few chunks however many tiny jobs there are, and a tiny
job has its turn however large the albums are. Within a lane, jobs wait in the order they came, and
none has more than its window of chunks in the queue.
"""

from bisect import bisect_left
from typing import Final

#: Chunks of the largest job in each lane but the last, which takes every job that is larger.
LARGEST: Final = (1, 8, 64)
LANES: Final = len(LARGEST) + 1


def lane(chunks: int) -> int:
    """Return the lane of a job of so many chunks, 0 for the smallest."""
    return bisect_left(LARGEST, chunks)
