"""Jobs under test: how they are submitted, claimed and worked, and what must hold in the end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from infra import layout
from infra.errors import JobMissing
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobDraft, JobState, PhotoOutcome
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.maintenance.sweep import BUSY_PATIENCE, SURVEY_SECONDS
from infra.jobs.service import connect_jobs
from infra.layout.ids import new_job_id
from tests.fakes.jobs import Fuse, Killed, MemoryJobStore, Records
from tests.fakes.service import BLEND, TENANT, Deployment, done, entries
from tests.machines.witness import Witness

#: Sweeps after which any backlog of these small albums must be worked off.
ENOUGH_SWEEPS = 60

#: Which photo of an album takes down whoever works it; mostly none.
poisons = st.sampled_from([None] * 4 + [0, 1, 5])


class JobWorld(RuleBasedStateMachine):
    """A deployment, what is known of its jobs, and how a process acts that may meet a fault."""

    #: What is tested.
    connect = staticmethod(connect_jobs)

    def keep_records(self, fuse: Fuse) -> Records:
        """Return where the records lie; other machines choose other stores."""
        return MemoryJobStore(fuse)

    @initialize(
        window=st.integers(1, 3), chunk=st.integers(1, 4), photos=st.integers(1, 9), poison=poisons
    )
    def deploy(self, window: int, chunk: int, photos: int, poison: int | None) -> None:
        self.world = Deployment[Records](
            self.keep_records, self.connect, job_window=window, chunk_photos=chunk
        )
        self.witness = Witness()
        #: Every id that was ever submitted, and those whose submission returned.
        self.known: list[str] = []
        self.accepted: list[str] = []
        #: Photos that take down whoever works them.
        self.poison: set[tuple[str, int]] = set()
        #: Claims that a worker, alive or zombie, may still act on.
        self.claims: list[ClaimedChunk] = []
        #: Every message that was ever sent.
        self.heard: list[tuple[str, int]] = []
        self.submit(photos, poison, None)

    @contextmanager
    def fault_at(self, effects: int | None) -> Iterator[None]:
        """Let the process meet the fault at its n-th effect, if it gets so far."""
        if effects is not None:
            self.light(effects)
        try:
            yield
        except Killed:
            self.world.restart()
        finally:
            self.world.fuse.clear()

    def light(self, effects: int) -> None:
        self.world.fuse.set(effects)

    def submit(self, photos: int, poison: int | None, fault: int | None) -> None:
        # Numbered, not random: Hypothesis must see the same run twice.
        job = f"{new_job_id(self.world.clock())[:10]}{len(self.known):016d}"
        draft = JobDraft(id=job, tenant=TENANT, style="s", blend=BLEND)
        self.known.append(job)
        if poison is not None:
            self.poison.add((job, poison % photos))
        with self.fault_at(fault):
            self.world.jobs.submission.submit(draft, entries(photos))
            self.accepted.append(job)

    def look(self, job: str) -> None:
        self.witness.see(self.world.jobs.queries.get(job, TENANT), self.world.items(job))

    def claim(self, message: tuple[str, int]) -> ClaimedChunk | None:
        free = self.free(*message)
        claim = self.world.jobs.chunks.claim(*message, "w")
        if claim:
            assert free
            self.note_claim(claim)
            self.claims.append(claim)
        return claim

    def free(self, job: str, number: int) -> bool:
        """Whether nobody holds the chunk as far as the record says."""
        record = self.world.records.peek(job)
        chunk = record.active.get(number) if record else None
        return chunk is not None and chunk.lease is None

    def note_claim(self, claim: ClaimedChunk) -> None:
        self.witness.note_claim(claim, in_order=True)

    def work(self, claim: ClaimedChunk, photos: int) -> None:
        """Work some photos, with the next one on its way where that is allowed."""
        indices = [photo.index for photo in claim.photos[:photos]]
        for at, index in enumerate(indices):
            self.report(claim, [], indices[at : at + (1 if claim.solo else 2)])
            if (claim.spec.id, index) in self.poison:
                raise Killed
            self.report(claim, [done(index, claim)], None)

    def report(
        self, claim: ClaimedChunk, outcomes: list[PhotoOutcome], flying: list[int] | None
    ) -> None:
        """Report for a worker; what is not refused must come from the newest claim."""
        newest = self.witness.newest[claim.spec.id, claim.number]
        self.world.jobs.chunks.report(claim, outcomes, flying)
        assert claim.token == newest

    def teardown(self) -> None:
        """The faults stop: everything accepted comes to its end, and nothing else is left."""
        if not hasattr(self, "world"):
            return
        self.claims.clear()
        for _ in range(ENOUGH_SWEEPS):
            self.world.clock.advance(
                max(SURVEY_SECONDS, BUSY_PATIENCE * self.world.settings.ring_patience_seconds) + 1
            )
            self.world.jobs.sweep.run()
            self.work_off()
            if not self.world.records.open_jobs() and not self.markers():
                break
        self.world.clock.advance(ABANDONED_SECONDS + 1)
        self.world.jobs.sweep.run()
        assert not self.markers()
        assert not self.world.records.open_jobs()
        self.judge()

    def work_off(self) -> None:
        while self.world.notifier.messages:
            with suppress(Killed):
                if claim := self.claim(self.world.notifier.messages.pop(0)):
                    self.work(claim, len(claim.photos))
                    self.world.jobs.chunks.finish(claim)

    def judge(self) -> None:
        for job in self.accepted:
            self.look(job)
            assert job in self.witness.ends, "it never ended"
            end = self.witness.ends[job]
            assert end is not JobState.CANCELLED or job in self.witness.cancelled
            if end is not JobState.CANCELLED:
                self.poison_is_known(job)
        listed = {view.id for view in self.world.jobs.queries.recent(TENANT, limit=100)}
        assert set(self.accepted) <= listed
        self.world.records.flush()
        for job in self.known:
            with suppress(JobMissing):
                self.look(job)
                listed.discard(job)
        assert not listed
        self.nothing_left_of_the_rest()

    def poison_is_known(self, job: str) -> None:
        for item in self.world.items(job):
            if (job, item.index) in self.poison:
                assert item.outcome
                assert item.outcome.error
                assert item.outcome.error.type in {"photo-crashes-worker", "truncated-photo"}

    def nothing_left_of_the_rest(self) -> None:
        specs = {layout.job_spec(TENANT, job): job for job in self.known}
        whole = {job for key, job in specs.items() if key in self.world.objects.objects}
        for key in self.world.objects.objects:
            if found := re.search("/jobs/([^/]+)/", key):
                assert found[1] in whole

    def markers(self) -> list[str]:
        return [key for key in self.world.objects.objects if key.startswith(layout.OPEN_PREFIX)]
