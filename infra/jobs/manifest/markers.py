"""The markers by which jobs are found in S3, told from what else lies below the same prefixes.

The bucket may be the user's own, and a marker that is found may be removed in the end. So an object
counts only when its key is wholly of our form and nothing is in it: no photo is ever taken for one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from infra import layout
from infra.storage.port import ObjectStore


class EndedMarker(NamedTuple):
    """The marker of a job that has ended; `finished` is in seconds since the epoch."""

    key: str
    finished: float
    tenant: str
    job: str


def open_markers(objects: ObjectStore) -> Iterator[tuple[str, str]]:
    """Yield the tenant and job of every open marker; raises ServiceUnavailable."""
    for info in objects.list(layout.OPEN_PREFIX):
        marker = layout.parse_open_marker(info.key)
        if marker is not None and info.size == 0:
            yield marker


def ended_markers(objects: ObjectStore) -> Iterator[EndedMarker]:
    """Yield the marker of every job that has ended, the oldest first; raises ServiceUnavailable."""
    for info in objects.list(layout.ENDED_PREFIX):
        marker = layout.parse_ended_marker(info.key)
        if marker is not None and info.size == 0:
            yield EndedMarker(info.key, *marker)
