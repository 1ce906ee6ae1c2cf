"""Orphans: objects of ours in the bucket that no job owns, so nothing will remove them.

Markers go last whenever a job is made or removed, so what has none belongs to nobody. Objects that
are not of our layout are the user's own and never looked at.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import Final

from infra import layout
from infra.doctor.finding import Finding
from infra.errors import ServiceUnavailable
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.markers import ended_markers
from infra.jobs.result_index import result_location
from infra.storage.port import ObjectInfo, ObjectMissing, ObjectStore, ObjectUnavailable

#: Orphans of one kind that are named.
NAMED: Final = 3


class Orphans:
    """Goes through everything that tenants own, once.

    `expiring` is whether jobs are removed after their time, by somebody who goes on where a removal
    was cut off.
    """

    def __init__(self, objects: ObjectStore, *, expiring: bool) -> None:
        self._objects = objects
        self._expiring = expiring

    def run(self) -> Iterator[Finding]:
        """Yield a finding for each kind of orphan; raises ServiceUnavailable."""
        leftovers: list[str] = []
        entries: list[str] = []
        index_entries: list[str] = []
        leaving = self._ended() if self._expiring else set[str]()
        for owner, infos in groupby(self._objects.list(layout.TENANTS_PREFIX), _owner):
            others = list(infos) if owner is None else []
            if owner is not None and owner[1] not in leaving and not self._exists(*owner):
                leftovers.append(layout.job_prefix(*owner))
            entries += [info.key for info in others if self._is_lost_entry(info, leaving)]
            index_entries += [info.key for info in others if self._leads_nowhere(info.key)]
        yield from _finding("objects of no job", leftovers, self._objects.delete_prefix)
        yield from _finding("entries of no job", entries, self._objects.delete)
        yield from _finding("index entries of no result", index_entries, self._objects.delete)

    def _ended(self) -> set[str]:
        """Return the jobs that have ended: expiry finishes the removal of those among them."""
        return {marker.job for marker in ended_markers(self._objects)}

    def _exists(self, tenant: str, job: str) -> bool:
        """Whether a job exists or is being submitted; checked in the order of a submission."""
        manifest = Manifest(store=self._objects, tenant=tenant, job=job)
        try:
            return manifest.is_open() or manifest.exists()
        except ObjectUnavailable:
            return True  # for all that can be seen

    def _is_lost_entry(self, info: ObjectInfo, leaving: set[str]) -> bool:
        entry = layout.parse_newest_entry(info.key)
        if entry is None or info.size > 0:
            return False
        return entry[1] not in leaving and not self._exists(*entry)

    def _leads_nowhere(self, key: str) -> bool:
        if not layout.is_result_index_entry(key):
            return False
        try:
            result = result_location(self._objects, key)
            if result is None:
                return True
            self._objects.head(result)
        except ObjectMissing:
            return True
        except ObjectUnavailable:
            pass  # unreadable is not gone
        return False


def _owner(info: ObjectInfo) -> tuple[str, str] | None:
    return layout.job_of(info.key)


def _finding(kind: str, keys: list[str], remove: Callable[[str], None]) -> Iterator[Finding]:
    if not keys:
        return
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""

    def repair() -> None:
        for key in keys:
            with suppress(ServiceUnavailable):  # one that cannot be removed is found again
                remove(key)

    yield Finding(
        check="orphan",
        about=kind,
        part="objects",
        detail=f"In the bucket are {kind}: {', '.join(keys[:NAMED])}{more}.",
        advice="Nothing needs them: `impasto doctor --repair` removes them.",
        repair=repair,
    )
