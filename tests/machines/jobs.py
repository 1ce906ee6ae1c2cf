"""A model of everything that may happen to jobs, in any order, at any point.

Hypothesis drives the service. Kills fall between any two effects on S3, Redis or the broker;
workers go on as zombies after their lease is lost; messages come twice or never; photos take down
whoever works them; Redis is flushed. After every step the invariants of DESIGN.md must hold, and
in the end every accepted job must come to its end with exactly one outcome a photo.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra import layout
from infra.errors import JobMissing, ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobDraft, JobRecord, JobState, PhotoOutcome
from infra.jobs.domain.rules import StaleLease
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.maintenance.sweep import BUSY_PATIENCE, SURVEY_SECONDS
from infra.jobs.service import connect_jobs
from infra.layout.ids import new_job_id
from tests.fakes.jobs import Fuse, Killed, MemoryJobStore, Records
from tests.fakes.service import BLEND, TENANT, Deployment, done, entries, failed
from tests.machines.unanswered import Unanswered
from tests.machines.witness import ENDED_BY_ITSELF, Witness

#: Sweeps after which any backlog of these small albums must be worked off.
ENOUGH_SWEEPS = 60

picks = st.integers(min_value=0, max_value=1_000)
#: At which effect of a step its process meets the fault; mostly at none.
faults = st.sampled_from([None] * 4 + [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12])
#: Which photo of an album takes down whoever works it; mostly none.
poisons = st.sampled_from([None] * 4 + [0, 1, 5])


class JobMachine(RuleBasedStateMachine):
    """Jobs under every fault that the design names; a process that meets one is killed."""

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

    # What users do.

    @rule(photos=st.integers(1, 9), poison=poisons, fault=faults)
    @precondition(lambda self: len(self.known) < 3)
    def submit_another(self, photos: int, poison: int | None, fault: int | None) -> None:
        self.submit(photos, poison, fault)

    @rule(fault=faults)
    @precondition(lambda self: len(self.known) < 3)
    def submit_in_vain(self, fault: int | None) -> None:
        """The record cannot be made, so all is taken back, as far as the process gets."""
        self.world.records.down = True
        with suppress(ServiceUnavailable):
            self.submit(4, None, fault)
        self.world.records.down = False

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

    @rule(pick=picks, fault=faults)
    @precondition(lambda self: len(self.heard) > 2 and not self.witness.cancelled)
    def cancel(self, pick: int, fault: int | None) -> None:
        job = self.accepted[pick % len(self.accepted)]
        self.witness.cancelled.add(job)
        with self.fault_at(fault):
            if self.world.jobs.cancellation.cancel(job, TENANT).state not in ENDED_BY_ITSELF:
                self.witness.stopped.add(job)

    @rule(pick=picks)
    @precondition(lambda self: self.accepted)
    def watch(self, pick: int) -> None:
        """A user looks, which may bring a job back that Redis has lost."""
        self.look(self.accepted[pick % len(self.accepted)])

    def look(self, job: str) -> None:
        self.witness.see(self.world.jobs.queries.get(job, TENANT), self.world.items(job))

    # What workers do.

    @rule(pick=picks, photos=st.integers(0, 3), fault=faults)
    @precondition(lambda self: self.world.notifier.messages)
    def deliver(self, pick: int, photos: int, fault: int | None) -> None:
        """A worker takes a message, works so many photos and goes on later, or is killed."""
        messages = self.world.notifier.messages
        message = messages.pop(pick % len(messages))
        self.heard.append(message)
        with self.fault_at(fault):
            if claim := self.claim(message):
                with suppress(StaleLease):
                    self.work(claim, photos)

    @rule(pick=picks)
    @precondition(lambda self: self.world.notifier.messages)
    def lose_message(self, pick: int) -> None:
        messages = self.world.notifier.messages
        self.heard.append(messages.pop(pick % len(messages)))

    @rule(pick=picks)
    @precondition(lambda self: self.heard)
    def deliver_again(self, pick: int) -> None:
        self.claim(self.heard[pick % len(self.heard)])

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

    @rule(pick=picks, fail=st.booleans(), count=st.integers(1, 3), fault=faults)
    @precondition(lambda self: self.claims)
    def report_some(self, pick: int, fail: bool, count: int, fault: int | None) -> None:
        """Photos again that were reported before, too: a report may be repeated."""
        claim = self.claims[pick % len(self.claims)]
        start = pick % max(len(claim.photos), 1)
        photos = [photo.index for photo in claim.photos[start : start + count]]
        survived = [n for n in photos if (claim.spec.id, n) not in self.poison]
        outcomes = [failed(n) if fail else done(n, claim) for n in survived]
        with self.fault_at(fault), suppress(StaleLease):
            self.report(claim, outcomes, [])

    @rule(pick=picks)
    @precondition(lambda self: self.claims)
    def heartbeat(self, pick: int) -> None:
        claim = self.claims[pick % len(self.claims)]
        flying = [photo.index for photo in claim.photos[:2]]
        with suppress(StaleLease):
            self.report(claim, [], flying)

    @rule(pick=picks, fault=faults)
    @precondition(lambda self: self.claims)
    def finish(self, pick: int, fault: int | None) -> None:
        """Work what is left, and hand the chunk in."""
        claim = self.claims.pop(pick % len(self.claims))
        with self.fault_at(fault), suppress(StaleLease):
            self.work(claim, len(claim.photos))
            self.world.jobs.chunks.finish(claim)

    @rule(pick=picks, fault=faults)
    @precondition(lambda self: self.claims)
    def release(self, pick: int, fault: int | None) -> None:
        claim = self.claims.pop(pick % len(self.claims))
        with self.fault_at(fault):
            self.world.jobs.chunks.release(claim)

    @rule(pick=picks, fault=faults)
    @precondition(lambda self: self.claims)
    def defer(self, pick: int, fault: int | None) -> None:
        """What is left of a chunk is unreadable for now."""
        claim = self.claims.pop(pick % len(self.claims))
        with self.fault_at(fault), suppress(StaleLease):
            self.world.jobs.chunks.defer(claim, [photo.index for photo in claim.photos])

    # What happens to them.

    @rule(seconds=st.sampled_from([0.5, 5.0, 21.0, 61.0, 400.0, ABANDONED_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(fault=faults)
    def sweep(self, fault: int | None) -> None:
        with self.fault_at(fault):
            self.world.jobs.sweep.run()

    @rule()
    @precondition(lambda self: self.heard)
    def flush_everything(self) -> None:
        self.world.records.flush()
        self.world.notifier.messages.clear()
        # Tokens follow the clock: no flush and rebuild fit into one microsecond.
        self.world.clock.advance(0.001)

    @rule()
    @precondition(lambda self: self.heard)
    def forget_open_list(self) -> None:
        self.world.records.forget_open_list()

    # What must hold.

    @invariant()
    def nothing_is_taken_back(self) -> None:
        for job in self.known:
            if record := self.world.records.peek(job):
                self.witness.inspect(record, self.world.objects)
                if self.may_look(record):
                    self.look(job)

    def may_look(self, record: JobRecord) -> bool:
        """Whether the job exists, and looking does not finalize it: a sweep must do that, too."""
        job = record.spec.id
        exists = layout.job_spec(TENANT, job) in self.world.objects.objects
        return exists and (not record.state.terminal or self.world.records.finalized(job))

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


class StoppedJobMachine(JobMachine):
    """A process that meets a fault is stopped, and goes on after its lease, or after a flush."""

    def light(self, effects: int) -> None:
        # Every second kind of stop is long enough to lose Redis, too.
        self.world.fuse.set(effects, self.others_go_on if effects % 2 else self.redis_is_lost)

    def others_go_on(self) -> None:
        self.world.clock.advance(self.world.settings.lease_seconds + 1)
        self.world.jobs.sweep.run()
        for message in self.world.notifier.messages[:2]:
            if claim := self.claim(message):
                with suppress(Killed):  # the other one, by a photo
                    self.work(claim, 2)

    def redis_is_lost(self) -> None:
        self.flush_everything()
        self.others_go_on()

    def free(self, job: str, number: int) -> bool:
        """What the record said before is nothing to go by: a holder may have lost it since."""
        return True

    def note_claim(self, claim: ClaimedChunk) -> None:
        self.witness.note_claim(claim, in_order=False)


class UnansweredJobMachine(Unanswered, JobMachine):
    """Albums whose calls go without an answer."""

    def submit(self, photos: int, poison: int | None, fault: int | None) -> None:
        """A job whose sender was told to try again does not exist."""
        super().submit(photos, poison, fault)
        job = self.known[-1]
        if job not in self.accepted and not self.world.records.down:
            assert layout.job_spec(TENANT, job) not in self.world.objects.objects
            assert self.world.records.peek(job) is None
