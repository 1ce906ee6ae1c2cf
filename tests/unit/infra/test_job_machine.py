"""A model of everything that may happen to jobs, in any order, killed at any point.

Hypothesis drives the service over memory stores. Kills fall between any two effects on S3, Redis
or the broker; workers go on as zombies after their lease is lost; messages come twice or never;
Redis is flushed. After every step the invariants of DESIGN.md must hold, and in the end every
accepted job must come to its end with exactly one outcome a photo.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra import layout
from infra.errors import JobMissing, ServiceUnavailable
from infra.jobs.model import JobDraft, JobRecord, JobState, PhotoOutcome
from infra.jobs.recovery import ABANDONED_SECONDS
from infra.jobs.rules import QUARANTINE_STRIKES, StaleLease
from infra.jobs.sweep import BUSY_PATIENCE, SURVEY_SECONDS
from infra.jobs.views import ClaimedChunk, JobView
from tests.fakes.jobs import Killed
from tests.fakes.service import BLEND, TENANT, FakeDeployment, done, entries, failed

#: Sweeps after which any backlog of these small albums must be worked off.
ENOUGH_SWEEPS = 60

STOPPED = {JobState.CANCELLING, JobState.CANCELLED}
ENDED_BY_ITSELF = {JobState.SUCCEEDED, JobState.FAILED}

picks = st.integers(min_value=0, max_value=1_000)
#: Before which effect of a step its process is killed; mostly before none.
kills = st.sampled_from([None] * 4 + [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12])


class JobMachine(RuleBasedStateMachine):
    """Jobs under every fault that the design names."""

    @initialize(window=st.integers(1, 3), chunk=st.integers(1, 4), photos=st.integers(1, 9))
    def deploy(self, window: int, chunk: int, photos: int) -> None:
        self.world = FakeDeployment(job_window=window, chunk_photos=chunk)
        #: Every id that was ever submitted, and those whose submission returned.
        self.known: list[str] = []
        self.accepted: list[str] = []
        #: Jobs that somebody asked to cancel, and those that were told to be.
        self.cancelled: set[str] = set()
        self.stopped: set[str] = set()
        #: Claims that a worker, alive or zombie, may still act on.
        self.claims: list[ClaimedChunk] = []
        #: The token of the newest claim of each chunk: nobody else may commit to it.
        self.newest: dict[tuple[str, int], int] = {}
        #: Every message that was ever sent.
        self.heard: list[tuple[str, int]] = []
        #: What users saw: counts, and outcomes by photo.
        self.counts: dict[str, int] = {}
        self.outcomes: dict[tuple[str, int], PhotoOutcome] = {}
        self.submit(photos, None)

    @contextmanager
    def killed_at(self, effects: int | None) -> Iterator[None]:
        """Kill the process before its n-th effect, if it gets so far."""
        if effects is not None:
            self.world.fuse.set(effects, self.fault)
        try:
            yield
        except Killed:
            self.world.restart()
        finally:
            self.world.fuse.clear()

    def fault(self) -> None:
        raise Killed

    # What users do.

    @rule(photos=st.integers(1, 9), kill=kills)
    @precondition(lambda self: len(self.known) < 3)
    def submit_another(self, photos: int, kill: int | None) -> None:
        self.submit(photos, kill)

    @rule(kill=kills)
    @precondition(lambda self: len(self.known) < 3)
    def submit_in_vain(self, kill: int | None) -> None:
        """The record cannot be made, so all is taken back, as far as the process gets."""
        self.world.records.down = True
        with suppress(ServiceUnavailable):
            self.submit(4, kill)
        self.world.records.down = False

    def submit(self, photos: int, kill: int | None) -> None:
        # Numbered, not random: Hypothesis must see the same run twice.
        job = f"{layout.new_job_id(self.world.clock())[:10]}{len(self.known):016d}"
        draft = JobDraft(id=job, tenant=TENANT, style="s", blend=BLEND)
        self.known.append(draft.id)
        with self.killed_at(kill):
            self.world.jobs.submit(draft, entries(photos))
            self.accepted.append(draft.id)

    @rule(pick=picks, kill=kills)
    @precondition(lambda self: len(self.heard) > 2 and not self.cancelled)
    def cancel(self, pick: int, kill: int | None) -> None:
        job = self.accepted[pick % len(self.accepted)]
        self.cancelled.add(job)
        with self.killed_at(kill):
            if self.world.jobs.cancel(job, TENANT).state not in ENDED_BY_ITSELF:
                self.stopped.add(job)

    @rule(pick=picks)
    @precondition(lambda self: self.accepted)
    def watch(self, pick: int) -> None:
        """A user looks: nothing seen before is taken back."""
        job = self.accepted[pick % len(self.accepted)]
        self.see(self.world.jobs.get(job, TENANT))

    # What workers do.

    @rule(pick=picks, photos=st.integers(0, 3), kill=kills)
    @precondition(lambda self: self.world.doorbell.rings)
    def deliver(self, pick: int, photos: int, kill: int | None) -> None:
        """A worker takes a message, works so many photos and goes on later, or is killed."""
        rings = self.world.doorbell.rings
        message = rings.pop(pick % len(rings))
        self.heard.append(message)
        with self.killed_at(kill), suppress(StaleLease):
            if claim := self.claim(message):
                for photo in claim.photos[:photos]:
                    self.report(claim, [], [photo.index])
                    self.report(claim, [done(photo.index, claim)], [])

    @rule(pick=picks)
    @precondition(lambda self: self.world.doorbell.rings)
    def lose_message(self, pick: int) -> None:
        rings = self.world.doorbell.rings
        self.heard.append(rings.pop(pick % len(rings)))

    @rule(pick=picks)
    @precondition(lambda self: self.heard)
    def deliver_again(self, pick: int) -> None:
        with suppress(StaleLease):
            self.claim(self.heard[pick % len(self.heard)])

    def claim(self, message: tuple[str, int]) -> ClaimedChunk | None:
        free = self.free(*message)
        claim = self.world.jobs.claim(*message, "w")
        if claim:
            assert free
            self.note_claim(message, claim)
            self.claims.append(claim)
        return claim

    def free(self, job: str, number: int) -> bool:
        """Whether nobody holds the chunk as far as the record says."""
        document = self.world.records.records.get(job)
        chunk = JobRecord.model_validate_json(document).active.get(number) if document else None
        return chunk is not None and chunk.lease is None

    def note_claim(self, message: tuple[str, int], claim: ClaimedChunk) -> None:
        assert claim.token > self.newest.get(message, 0)
        self.newest[message] = claim.token

    def report(self, claim: ClaimedChunk, outcomes: list[PhotoOutcome], flying: list[int]) -> None:
        """Report for a worker; what is not refused must come from the newest claim."""
        newest = self.newest[claim.spec.id, claim.number]
        self.world.jobs.report(claim, outcomes, flying)
        assert claim.token == newest

    @rule(
        pick=picks,
        fail=st.booleans(),
        count=st.integers(1, 3),
        kill=kills,
    )
    @precondition(lambda self: self.claims)
    def report_some(self, pick: int, fail: bool, count: int, kill: int | None) -> None:
        """Photos again that were reported before, too: a report may be repeated."""
        claim = self.claims[pick % len(self.claims)]
        start = pick % max(len(claim.photos), 1)
        photos = [photo.index for photo in claim.photos[start : start + count]]
        outcomes = [failed(n) if fail else done(n, claim) for n in photos]
        with self.killed_at(kill), suppress(StaleLease):
            self.report(claim, outcomes, [])

    @rule(pick=picks)
    @precondition(lambda self: self.claims)
    def heartbeat(self, pick: int) -> None:
        claim = self.claims[pick % len(self.claims)]
        flying = [photo.index for photo in claim.photos[:2]]
        with suppress(StaleLease):
            self.report(claim, [], flying)

    @rule(pick=picks, kill=kills)
    @precondition(lambda self: self.claims)
    def finish(self, pick: int, kill: int | None) -> None:
        """Report what is left, and hand the chunk in."""
        claim = self.claims.pop(pick % len(self.claims))
        with self.killed_at(kill), suppress(StaleLease):
            self.report(claim, [done(photo.index, claim) for photo in claim.photos], [])
            self.world.jobs.finish(claim)

    @rule(pick=picks, kill=kills)
    @precondition(lambda self: self.claims)
    def release(self, pick: int, kill: int | None) -> None:
        claim = self.claims.pop(pick % len(self.claims))
        with self.killed_at(kill):
            self.world.jobs.release(claim)

    # What happens to them.

    @rule(seconds=st.sampled_from([0.5, 5.0, 21.0, 61.0, 400.0, ABANDONED_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(kill=kills)
    def sweep(self, kill: int | None) -> None:
        with self.killed_at(kill):
            self.world.jobs.sweep()

    @rule()
    @precondition(lambda self: self.heard)
    def flush_everything(self) -> None:
        self.world.records.flush()
        self.world.doorbell.rings.clear()
        # Tokens follow the clock: no flush and rebuild fit into one microsecond.
        self.world.clock.advance(0.001)

    @rule()
    @precondition(lambda self: self.heard)
    def forget_open_list(self) -> None:
        self.world.records.opened.clear()

    # What must hold.

    def see(self, view: JobView) -> None:
        finished = view.done + view.failed
        assert view.id not in self.stopped or view.state in STOPPED
        assert self.counts.get(view.id, 0) <= finished <= view.total
        self.counts[view.id] = finished
        items = self.world.items(view.id)
        outcomes = {item.index: item.outcome for item in items if item.outcome}
        assert len(outcomes) == finished
        assert sum(outcome.error is not None for outcome in outcomes.values()) == view.failed
        for index, outcome in outcomes.items():
            assert self.outcomes.setdefault((view.id, index), outcome) == outcome
        if view.state.terminal and view.state is not JobState.CANCELLED:
            assert finished == view.total

    @invariant()
    def records_are_sound(self) -> None:
        for document in self.world.records.records.values():
            record = JobRecord.model_validate_json(document)
            self.sound(record)
            if self.world.objects.objects.get(layout.job_spec(TENANT, record.spec.id)):
                self.see(self.world.jobs.get(record.spec.id, TENANT))

    def sound(self, record: JobRecord) -> None:
        """Counts are those of the chunks; the window is kept; tokens stay below the last."""
        spec = record.spec
        finished = [n for n in range(record.cursor) if n not in record.active]
        counted = sum(len(spec.indices(n)) for n in finished)
        counted += sum(len(chunk.items) for chunk in record.active.values())
        assert record.done + record.failed == counted <= spec.total
        assert record.cursor <= spec.chunks
        for chunk in record.active.values():
            assert chunk.lease is None or chunk.lease.token <= record.last_token
            assert set(chunk.items) <= set(spec.indices(chunk.number))
            assert not set(chunk.in_flight) & set(chunk.items)
            assert all(strikes <= QUARANTINE_STRIKES for strikes in chunk.strikes.values())

    def teardown(self) -> None:
        """The faults stop: everything accepted comes to its end, and nothing else is left."""
        if not hasattr(self, "world"):
            return
        self.claims.clear()
        for _ in range(ENOUGH_SWEEPS):
            self.world.clock.advance(
                max(SURVEY_SECONDS, BUSY_PATIENCE * self.world.settings.ring_patience_seconds) + 1
            )
            self.world.jobs.sweep()
            self.world.work_off()
            if not self.world.records.opened and not self.markers():
                break
        self.world.clock.advance(ABANDONED_SECONDS + 1)
        self.world.jobs.sweep()
        assert not self.markers()
        assert not self.world.records.open_jobs()
        self.judge()

    def judge(self) -> None:
        for job in self.accepted:
            view = self.world.jobs.get(job, TENANT)
            self.see(view)
            assert view.state.terminal
            assert view.state is not JobState.CANCELLED or job in self.cancelled
        listed = {view.id for view in self.world.jobs.recent(TENANT, limit=100)}
        assert set(self.accepted) <= listed
        self.world.records.flush()
        for job in self.known:
            with suppress(JobMissing):
                self.see(self.world.jobs.get(job, TENANT))
                listed.discard(job)
        assert not listed
        self.nothing_left_of_the_rest()

    def nothing_left_of_the_rest(self) -> None:
        specs = {layout.job_spec(TENANT, job): job for job in self.known}
        whole = {job for key, job in specs.items() if key in self.world.objects.objects}
        for key in self.world.objects.objects:
            if found := re.search("/jobs/([^/]+)/", key):
                assert found[1] in whole

    def markers(self) -> list[str]:
        return [key for key in self.world.objects.objects if key.startswith(layout.OPEN_PREFIX)]


class StoppedJobMachine(JobMachine):
    """The same, but a process is stopped instead of killed, and goes on after its lease."""

    def fault(self) -> None:
        self.world.clock.advance(self.world.settings.lease_seconds + 1)
        self.world.jobs.sweep()
        for message in self.world.doorbell.rings[:2]:
            if claim := self.claim(message):
                outcomes = [done(photo.index, claim) for photo in claim.photos]
                self.world.jobs.report(claim, outcomes[:2], [])

    def free(self, job: str, number: int) -> bool:
        """What the record said before is nothing to go by: a holder may have lost it since."""
        return True

    def note_claim(self, message: tuple[str, int], claim: ClaimedChunk) -> None:
        """Tokens are not always seen in order: a worker may be stopped just after its claim."""
        assert claim.token != self.newest.get(message)
        self.newest[message] = max(claim.token, self.newest.get(message, 0))


JobMachine.TestCase.settings = StoppedJobMachine.TestCase.settings = hypothesis_settings(
    max_examples=300, stateful_step_count=50, deadline=None
)
test_jobs_survive_kills_at_any_point_and_in_any_order = JobMachine.TestCase
test_jobs_survive_processes_that_stop_and_go_on = StoppedJobMachine.TestCase
