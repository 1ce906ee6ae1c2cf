"""A model of everything that may happen to jobs, in any order, at any point.

Hypothesis drives the service. Kills fall between any two effects on S3, Redis or the broker;
workers go on as zombies after their lease is lost; messages come twice or never; photos take down
whoever works them; Redis is flushed. After every step the invariants of DESIGN.md must hold, and
in the end every accepted job must come to its end with exactly one outcome a photo.
"""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from infra import layout
from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobRecord
from infra.jobs.domain.rules import StaleLease
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from tests.fakes.jobs import Killed
from tests.fakes.service import TENANT, done, failed
from tests.machines.job_world import JobWorld, poisons
from tests.machines.unanswered import Unanswered
from tests.machines.witness import ENDED_BY_ITSELF

picks = st.integers(min_value=0, max_value=1_000)
#: At which effect of a step its process meets the fault; mostly at none.
faults = st.sampled_from([None] * 4 + [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12])


class JobMachine(JobWorld):
    """Jobs under every fault that the design names; a process that meets one is killed."""

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
