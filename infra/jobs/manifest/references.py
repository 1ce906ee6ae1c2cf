"""References between jobs: one job uses the uploads, the results or the painting of another.

S3 has no compare-and-set, so both sides leave a mark and then look for the other's mark. A job
that uses something leaves a reference and looks for a removal; a removal leaves a marker and looks
for references. The second to come sees the first. Both may step back; never do both go on.

A process may die after it left a removal marker. So a marker counts for a limited time, and a
removal goes on only while its own marker is far younger than that.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from infra import layout
from infra.errors import InvalidRequest
from infra.jobs.domain.model import JobDraft, PhotoEntry, TrainingConfig
from infra.jobs.manifest.manifest import Manifest
from infra.layout.ids import new_job_id
from infra.storage.port import ObjectStore

#: Seconds within which a removal is decided after it was announced, or is called off.
DECISION_SECONDS: Final = 300.0
#: Seconds for which an announcement counts: above DECISION_SECONDS by more than any two clocks
#: differ, as S3 refuses whose clock is a quarter of an hour off.
ANNOUNCED_SECONDS: Final = 3600.0


class References:
    """Keeps jobs that others refer to from being removed. `clock`: seconds since the epoch."""

    def __init__(self, *, objects: ObjectStore, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock

    def add_photos(self, draft: JobDraft, photos: Iterable[PhotoEntry]) -> Iterator[PhotoEntry]:
        """Pass photos on, and leave a reference to every other job that one of them belongs to.

        Raises InvalidRequest for a job that is being removed. A photo of a job that is gone is
        passed on too: its own outcome will say that it is missing.
        """
        seen = {(draft.tenant, draft.id)}
        for photo in photos:
            owner = layout.job_of(photo.key)
            if owner is not None and owner not in seen:
                seen.add(owner)
                self._add(owner, draft)
            yield photo

    def add_training(self, draft: JobDraft, config: TrainingConfig) -> None:
        """Leave references to the jobs of a painting and previews, as `add_photos` does."""
        owners = {layout.job_of(key) for key in (config.painting.key, *config.previews)}
        for owner in owners - {None, (draft.tenant, draft.id)}:
            if owner is not None:
                self._add(owner, draft)

    def _add(self, owner: tuple[str, str], draft: JobDraft) -> None:
        reference = layout.reference(*owner, draft.tenant, draft.id)
        self._objects.put(reference, b"")
        leaving = self._is_leaving(*owner)
        if leaving or not self._manifest(*owner).exists():
            self._objects.delete(reference)
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

    def announce_removal(self, tenant: str, job: str) -> bool:
        """Announce a removal; returns whether it may go on, and then it must do so at once.

        If it may not, or an error is raised, the announcement is taken back.
        """
        announced = self._clock()
        marker = layout.removal_marker(tenant, job, new_job_id(announced))
        self._objects.put(marker, b"")
        try:
            in_use = self._is_in_use(tenant, job)
        except Exception:
            self._objects.delete(marker)
            raise
        if in_use or self._clock() - announced > DECISION_SECONDS:
            self._objects.delete(marker)
            return False
        return True

    def _is_in_use(self, tenant: str, job: str) -> bool:
        references = self._objects.list(layout.references_prefix(tenant, job))
        return any(self._counts(info.key) for info in references)

    def _counts(self, reference: str) -> bool:
        """Whether the job that left the reference exists, or is being submitted."""
        tenant, job = layout.parse_reference(reference)
        manifest = self._manifest(tenant, job)
        return manifest.exists() or manifest.is_open()

    def _manifest(self, tenant: str, job: str) -> Manifest:
        return Manifest(store=self._objects, tenant=tenant, job=job)
