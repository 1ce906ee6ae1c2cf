"""Lanes: jobs of about one size wait in one queue, and workers take turns among the queues.

In one queue for all, ten thousand tiny jobs would keep an album waiting until the last of them is
done. In lanes, an album has its turn every few chunks however many tiny jobs there are, and a tiny
job has its turn however large the albums are. Single photos, of which scripts send floods, have a
lane of their own. Within a lane, jobs wait in the order they came, and none has more than its
window of chunks in the queue.
"""

from bisect import bisect_left
from typing import Final

#: Photos of the largest job in each lane but the last, which takes every job that is larger.
LARGEST: Final = (1, 8, 64, 512)
#: Never fewer than before: messages wait in every lane while workers change to another version.
LANES: Final = len(LARGEST) + 1


def lane(photos: int) -> int:
    """Return the lane of a job of so many photos, 0 for the smallest."""
    return bisect_left(LARGEST, photos)
