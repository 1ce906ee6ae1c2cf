"""Progress of some photos of a job, from the live record and the outcomes in S3."""

from dataclasses import dataclass

from infra.jobs.domain.model import JobRecord, PhotoEntry, PhotoOutcome
from infra.jobs.manifest import Manifest
from infra.jobs.views import ItemState, ItemView, item_view


@dataclass(frozen=True, slots=True)
class Progress:
    """Outcomes by photo, and the photos that are at work now."""

    outcomes: dict[int, PhotoOutcome]
    in_flight: frozenset[int]

    def view(self, entry: PhotoEntry) -> ItemView:
        """Show one photo by its manifest line."""
        outcome = self.outcomes.get(entry.index)
        if outcome is not None:
            state = ItemState.DONE if outcome.error is None else ItemState.FAILED
        else:
            state = ItemState.RUNNING if entry.index in self.in_flight else ItemState.PENDING
        return item_view(entry, state, outcome)


def read_progress(manifest: Manifest, record: JobRecord, photos: range) -> Progress:
    """Return the progress of a run of photos of a job.

    The record speaks for the chunks that are offered: an outcomes file of theirs may be ahead of
    its commit. S3 speaks for those that are done.
    """
    size = record.spec.chunk_photos
    chunks = range(photos.start // size, -(-photos.stop // size))
    done = [n for n in chunks if n < record.cursor and n not in record.active]
    outcomes: dict[int, PhotoOutcome] = {}
    if done:
        stored = manifest.outcomes(done[0], done[-1] + 1)
        outcomes = {i: o for i, o in stored.items() if i // size in set(done)}
    active = [record.active[n] for n in chunks if n in record.active]
    for chunk in active:
        outcomes |= chunk.items
    return Progress(outcomes, frozenset(index for chunk in active for index in chunk.in_flight))
