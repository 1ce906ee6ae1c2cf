"""Which job uses what belongs to another one: its uploads, its results, its painting.

S3 knows no compare-and-set, so both sides leave a mark and then look for the other's: who wants to
use something leaves a hold and looks for a removal, who removes leaves a marker and looks for
holds. Whoever comes second sees the first. Both may step back; never do both go on.
"""

import secrets
from collections.abc import Iterable, Iterator

from infra import layout
from infra.errors import InvalidRequest
from infra.jobs.manifest import Manifest
from infra.jobs.model import JobDraft, PhotoEntry, TrainingOrder
from infra.storage.port import ObjectStore


class Holds:
    """Keeps what is in use from being removed."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

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
        leaving = any(True for _ in self._objects.list(layout.removals_prefix(*owner)))
        if leaving or self._manifest(*owner).spec() is None:
            self._objects.delete(mark)
        if leaving:
            raise InvalidRequest(
                f"What belongs to job {owner[1]} is being removed, because its time is over; "
                "send the photos again."
            )

    def let_go(self, tenant: str, job: str) -> bool:
        """Announce a removal; returns whether it may go on, else takes the announcement back."""
        marker = layout.removal_marker(tenant, job, secrets.token_hex(8))
        self._objects.put(marker, b"")
        holders = self._objects.list(layout.holders_prefix(tenant, job))
        held = any(self._counts(info.key) for info in holders)
        if held:
            self._objects.delete(marker)
        return not held

    def _counts(self, mark: str) -> bool:
        """Whether the job that left a hold is there, or is on its way in."""
        tenant, job = layout.parse_holder(mark)
        manifest = self._manifest(tenant, job)
        return manifest.spec() is not None or manifest.is_open()

    def _manifest(self, tenant: str, job: str) -> Manifest:
        return Manifest(store=self._objects, tenant=tenant, job=job)
