"""Removes the nets of styles that were deleted, renamed, shared, or never came to be.

A note says what is to go (`infra.catalogue.changes`). A job is accepted at most SUBMISSION_SECONDS
after it found its style; so a while after the note, whoever may use the nets is an open job, and
says so in its spec.
"""

from collections.abc import Callable
from typing import Final

import structlog
from pydantic import ValidationError

from infra import layout
from infra.catalogue import StyleCatalogue
from infra.catalogue.changes import StyleRemoval
from infra.errors import JobUnreadable, ServiceUnavailable
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.manifest import Manifest
from infra.jobs.manifest.markers import open_markers
from infra.layout.ids import job_time
from infra.storage.port import ObjectMissing, ObjectStore

#: Seconds between looks for notes whose time has come.
LOOK_SECONDS: Final = 600.0

log = structlog.get_logger()


def noted_keys(objects: ObjectStore) -> set[str]:
    """Return the keys of all nets that are going to be removed; raises ServiceUnavailable."""
    notes = [_read(objects, info.key) for info in objects.list(layout.STYLE_REMOVALS_PREFIX)]
    return {key for note in notes if note is not None for key in note.keys}


class StyleRemovals:
    """Removes what notes name. Safe to run twice, or in two places at once."""

    def __init__(self, *, objects: ObjectStore, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock
        self._looked = float("-inf")

    def run(self) -> int:
        """Remove what nothing uses any more; returns how many notes are done with.

        Nets of open jobs stay until a later look; so does everything while a job cannot be read.
        """
        now = self._clock()
        if 0 <= now - self._looked < LOOK_SECONDS:  # clocks are put back, too
            return 0
        self._looked = now
        try:
            return self._look(now - ABANDONED_SECONDS)
        except (ServiceUnavailable, JobUnreadable) as error:
            log.warning("styles not removed", reason=error.detail)
            return 0

    def _look(self, before: float) -> int:
        listed = [info.key for info in self._objects.list(layout.STYLE_REMOVALS_PREFIX)]
        due = [key for key in listed if _is_due(key, before)]
        used = self._used() if due else set[str]()
        return sum(self._remove(key, used) for key in due)

    def _used(self) -> set[str]:
        """Return the keys of the nets that open jobs paint with."""
        manifests = (
            Manifest(store=self._objects, tenant=tenant, job=job)
            for tenant, job in open_markers(self._objects)
        )
        specs = filter(None, (manifest.spec() for manifest in manifests))
        return {net.key for spec in specs for net in spec.blend}

    def _remove(self, key: str, used: set[str]) -> bool:
        note = _read(self._objects, key)
        if note is None or not used.isdisjoint(note.keys):
            return False
        folder = layout.style_nets(note.place)
        for net in set(note.keys) - self._published(note.place):
            if net.startswith(folder):
                self._objects.delete(net)
        self._objects.delete(key)
        log.info("nets removed", place=note.place)
        return True

    def _published(self, place: str) -> set[str]:
        """Return the nets that a style names; its note is of a change that was cut off."""
        try:
            style = StyleCatalogue(self._objects).find(place)
        except ValidationError:  # damaged, and may be put back from a copy
            raise JobUnreadable(layout.style_index(place)) from None
        return {stage.key for stage in style.stages} if style else set()


def _is_due(key: str, before: float) -> bool:
    by = layout.parse_style_removal(key)
    return by is not None and job_time(by) < before


def _read(objects: ObjectStore, key: str) -> StyleRemoval | None:
    """Return a note; None where it is gone, or is none."""
    try:
        return StyleRemoval.model_validate_json(objects.get(key))
    except (ObjectMissing, ValidationError):
        return None
