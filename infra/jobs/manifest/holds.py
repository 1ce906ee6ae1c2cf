"""Which job uses what belongs to another one: its uploads, its results, its painting.

S3 knows no compare-and-set, so both sides leave a mark and then look for the other's: who wants to
use something leaves a hold and looks for a removal, who removes leaves a marker and looks for
holds. Whoever comes second sees the first. Both may step back; never do both go on.

Who leaves a marker may die before it goes on or steps back. So a marker counts for a time only, and
nobody goes on whose own is older than a part of that.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from infra import layout
from infra.errors import InvalidRequest
from infra.jobs.domain.model import JobDraft, PhotoEntry, TrainingOrder
from infra.jobs.manifest.manifest import Manifest
from infra.layout.ids import new_job_id
from infra.storage.port import ObjectStore

#: Seconds within which a removal is decided after it was announced, or is called off.
DECISION_SECONDS: Final = 300.0
#: Seconds for which an announcement counts: above DECISION_SECONDS by more than any two clocks
#: differ, as S3 refuses whose clock is a quarter of an hour off.
ANNOUNCED_SECONDS: Final = 3600.0


class Holds:
    """Keeps what is in use from being removed. `clock` is in seconds since the epoch."""

    def __init__(self, *, objects: ObjectStore, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock

    def take_photos(self, draft: JobDraft, photos: Iterable[PhotoEntry]) -> Iterator[PhotoEntry]:
        """Pass photos on, and hold every other job that one of them belongs to.

        Raises InvalidRequest for a job that is being removed. What belongs to no job any more is
        passed on: the photo itself will say that it is missing.
        """
        held = {(draft.tenant, draft.id)}
        for photo in photos:
            owner = layout.job_of(photo.key)
            if owner is not None and owner not in held:
                held.add(owner)
                self._hold(owner, draft)
            yield photo

    def take_order(self, draft: JobDraft, order: TrainingOrder) -> None:
        """Hold the jobs that a painting and previews belong to, as `take_photos` does."""
        owners = {layout.job_of(key) for key in (order.painting.key, *order.previews)}
        for owner in owners - {None, (draft.tenant, draft.id)}:
            if owner is not None:
                self._hold(owner, draft)

    def _hold(self, owner: tuple[str, str], draft: JobDraft) -> None:
        mark = layout.holder(*owner, draft.tenant, draft.id)
        self._objects.put(mark, b"")
        leaving = self._is_leaving(*owner)
        if leaving or not self._manifest(*owner).exists():
            self._objects.delete(mark)
        if leaving:
            raise InvalidRequest(
                f"What belongs to job {owner[1]} is being removed, because its time is over; "
                "send the photos again."
            )

    def _is_leaving(self, tenant: str, job: str) -> bool:
        since = self._clock() - ANNOUNCED_SECONDS
        markers = self._objects.list(layout.removals_prefix(tenant, job))
        times = (layout.removal_time(info.key) for info in markers)
        return any(announced is not None and announced > since for announced in times)

    def let_go(self, tenant: str, job: str) -> bool:
        """Announce a removal; returns whether it may go on, which it then must at once.

        Else, and where an error is raised, takes the announcement back.
        """
        announced = self._clock()
        marker = layout.removal_marker(tenant, job, new_job_id(announced))
        self._objects.put(marker, b"")
        try:
            held = self._is_held(tenant, job)
        except Exception:
            self._objects.delete(marker)
            raise
        if held or self._clock() - announced > DECISION_SECONDS:
            self._objects.delete(marker)
            return False
        return True

    def _is_held(self, tenant: str, job: str) -> bool:
        holders = self._objects.list(layout.holders_prefix(tenant, job))
        return any(self._counts(info.key) for info in holders)

    def _counts(self, mark: str) -> bool:
        """Whether the job that left a hold is there, or is on its way in."""
        tenant, job = layout.parse_holder(mark)
        manifest = self._manifest(tenant, job)
        return manifest.exists() or manifest.is_open()

    def _manifest(self, tenant: str, job: str) -> Manifest:
        return Manifest(store=self._objects, tenant=tenant, job=job)
