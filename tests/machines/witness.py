"""What everybody saw of some jobs, and what must hold of them after every step."""

from infra import layout
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobRecord, JobState, PhotoOutcome
from infra.jobs.domain.quarantine import QUARANTINE_STRIKES
from infra.jobs.manifest import Manifest
from infra.jobs.views import ItemView, JobView
from tests.fakes.service import TENANT
from tests.fakes.storage import MemoryStore

STOPPED = {JobState.CANCELLING, JobState.CANCELLED}
ENDED_BY_ITSELF = {JobState.SUCCEEDED, JobState.FAILED}


class Witness:
    """Remembers what was shown and done, and protests when any of it is taken back."""

    def __init__(self) -> None:
        #: Jobs that somebody asked to cancel, and those that were told to be.
        self.cancelled: set[str] = set()
        self.stopped: set[str] = set()
        #: The token of the newest claim of each chunk: nobody else may commit to it.
        self.newest: dict[tuple[str, int], int] = {}
        #: What users saw: counts, ends, and outcomes by photo.
        self.counts: dict[str, int] = {}
        self.ends: dict[str, JobState] = {}
        self.outcomes: dict[tuple[str, int], PhotoOutcome] = {}

    def note_claim(self, claim: ClaimedChunk, *, in_order: bool) -> None:
        """A chunk was handed out: its token was never seen, and is above all before it.

        Not in order: the holder may have been stopped just after its claim, and overtaken.
        """
        chunk = claim.spec.id, claim.number
        newest = self.newest.get(chunk, 0)
        assert claim.token > newest if in_order else claim.token != newest
        self.newest[chunk] = max(claim.token, newest)

    def see(self, view: JobView, items: list[ItemView]) -> None:
        """A user looks at a job and all its photos."""
        finished = view.done + view.failed
        assert view.id not in self.stopped or view.state in STOPPED
        assert self.counts.get(view.id, 0) <= finished <= view.total
        self.counts[view.id] = finished
        if view.state.terminal:
            assert self.ends.setdefault(view.id, view.state) is view.state
            assert finished == view.total or view.state is JobState.CANCELLED
        outcomes = {item.index: item.outcome for item in items if item.outcome}
        assert len(outcomes) == finished
        assert sum(outcome.error is not None for outcome in outcomes.values()) == view.failed
        for index, outcome in outcomes.items():
            assert self.outcomes.setdefault((view.id, index), outcome) == outcome

    def inspect(self, record: JobRecord, objects: MemoryStore) -> None:
        """Counts are those of the chunks, tokens below the last, and S3 knows all of it."""
        spec = record.spec
        finished = [n for n in range(record.cursor) if n not in record.active]
        counted = sum(len(spec.indices(n)) for n in finished)
        counted += sum(len(chunk.items) for chunk in record.active.values())
        assert record.done + record.failed == counted <= spec.total
        assert record.cursor <= spec.chunks
        assert not record.cancelling or spec.id in self.cancelled
        assert not record.cancelling or layout.cancelled_marker(TENANT, spec.id) in objects.objects
        for chunk in record.active.values():
            assert chunk.lease is None or chunk.lease.token <= record.last_token
            assert chunk.lease is None or record.state is not JobState.CANCELLED
            assert set(chunk.items) <= set(spec.indices(chunk.number))
            assert not set(chunk.in_flight) & set(chunk.items)
            assert all(strikes <= QUARANTINE_STRIKES for strikes in chunk.strikes.values())
            if chunk.items:
                stored = Manifest(store=objects, tenant=TENANT, job=spec.id).outcomes(
                    chunk.number, chunk.number + 1
                )
                assert chunk.items.items() <= stored.items()
