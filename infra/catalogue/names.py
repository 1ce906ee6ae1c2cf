"""Who may publish at a style's place: reservations in the bucket, made before there is a style.

S3 as everybody has it knows no compare-and-set, so a name is taken as in a polite queue: leave a
claim, look around, and step back when anybody else's is there. Whoever stays has left its claim and
then seen no other, so never do two stay. Of several at the same moment all but the oldest step
back; that one looks again until the others have gone, or one is through that had not seen it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pydantic import BaseModel

from infra import layout
from infra.errors import StyleBusy, StyleTaken
from infra.storage.port import ObjectMissing, ObjectStore

#: Seconds between two looks of the oldest, and how often it looks at most.
LOOK_SECONDS: Final = 0.05
LOOKS: Final = 20


class Owner(BaseModel):
    """The training that has reserved a name."""

    job: str
    tenant: str


class StyleNames:
    """Reservations of names; a published style's name is its training's for good."""

    def __init__(
        self, objects: ObjectStore, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._objects = objects
        self._sleep = sleep

    def check_free(self, name: str, job: str = "") -> None:
        """Raise StyleTaken when the name belongs to anybody but that job."""
        shown = layout.place_name(name)
        if not self.owned_by(name, job) and self._exists(layout.style_index(name)):
            raise StyleTaken(f"A style is called {shown!r} already; choose another name.")
        for owner in self._owners(name):
            if owner.job != job and self._counts(owner):
                raise StyleTaken(
                    f"A style {shown!r} is being trained, imported or changed; choose another name."
                )

    def reserve(self, name: str, job: str, tenant: str) -> None:
        """Take the name for a job; raises StyleTaken. Safe to repeat.

        Waits for up to LOOKS * LOOK_SECONDS where a younger job is after the name too.
        """
        self.check_free(name, job)
        self._clear(name, job)
        claim = Owner(job=job, tenant=tenant).model_dump_json().encode()
        self._objects.put(layout.style_owner(name, job), claim, content_type="application/json")
        try:
            self._outlast(name, job)
            self.check_free(name, job)
        except StyleTaken:
            self._objects.delete(layout.style_owner(name, job))
            raise

    def release(self, name: str, job: str) -> None:
        """Give the name back, unless a style has been published under it."""
        if not self._exists(layout.style_index(name)):
            self._objects.delete(layout.style_owner(name, job))

    def owned_by(self, name: str, job: str) -> bool:
        """Whether the job has reserved the name."""
        return bool(job) and self._exists(layout.style_owner(name, job))

    def tenant_of(self, name: str, job: str) -> str | None:
        """Return the tenant whose job has reserved the name; None where it has not."""
        owners = (owner.tenant for owner in self._owners(name) if owner.job == job)
        return next(owners, None)

    def hold(self, name: str, job: str, tenant: str) -> None:
        """Take the name of a style that is there, to change it; raises StyleBusy.

        Like `reserve`: of two at the same moment one or both step back.
        """
        claim = Owner(job=job, tenant=tenant).model_dump_json().encode()
        self._objects.put(layout.style_owner(name, job), claim, content_type="application/json")
        if any(owner.job != job and self._counts(owner) for owner in self._owners(name)):
            self.give_back(name, job)
            raise StyleBusy(
                f"The style {layout.place_name(name)!r} is being trained or changed just now. "
                "Wait until that has ended, or cancel the training."
            )

    def give_back(self, name: str, job: str) -> None:
        """Give a name back after `hold`, or the publication of a style that names its tenant."""
        self._objects.delete(layout.style_owner(name, job))

    def _outlast(self, name: str, job: str) -> None:
        """Wait for the others to step back, while that is for them to do."""
        for _ in range(LOOKS):
            rivals = [o for o in self._owners(name) if o.job != job and self._counts(o)]
            if not rivals or not all(self._steps_back(rival, job) for rival in rivals):
                return
            self._sleep(LOOK_SECONDS)

    def _steps_back(self, rival: Owner, job: str) -> bool:
        """Whether a rival is to give way: one whose job exists is through, and had seen nobody."""
        return job < rival.job and not self._exists(layout.job_spec(rival.tenant, rival.job))

    def _clear(self, name: str, job: str) -> None:
        """Remove the others' reservations, once it is known that none of them counts."""
        for owner in self._owners(name):
            if owner.job != job and not self._counts(owner):
                self._objects.delete(layout.style_owner(name, owner.job))

    def _owners(self, name: str) -> list[Owner]:
        owners: list[Owner] = []
        for info in self._objects.list(layout.style_owners(name)):
            with suppress(ObjectMissing):  # given back this moment
                owners.append(Owner.model_validate_json(self._objects.get(info.key)))
        return owners

    def _counts(self, owner: Owner) -> bool:
        """Whether a reservation still stands: its job is open, or is on its way in.

        One that was cut off is not given back by anybody; it ends with the submission's marker.
        The job's end alone is no proof: a flush may have revived the job before the end was
        written. The name of a style that was published is found by its index.
        """
        return self._exists(layout.open_marker(owner.tenant, owner.job))

    def _exists(self, key: str) -> bool:
        try:
            self._objects.head(key)
        except ObjectMissing:
            return False
        return True
