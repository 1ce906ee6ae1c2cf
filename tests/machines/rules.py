"""A model of the pure rules alone, beside a bookkeeping so plain that it cannot be wrong.

What S3 would hold is a list of attempts; a flush forgets the record and makes it anew from them.
The rules are handed in, so that broken ones can be, too.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra.jobs.domain import rules
from infra.jobs.domain.model import JobRecord, JobSpec, JobState, PhotoOutcome, Problem
from infra.jobs.domain.rebuild import Attempt, rebuild
from infra.jobs.domain.transitions import IllegalTransition
from tests.fakes.jobs import Clock

#: Seconds of a lease, and until the message of an unclaimed chunk is sent again.
TTL, PATIENCE = 20.0, 30.0
WINDOW = 2
PROBLEM = Problem(type="truncated-photo", detail="The file ends too early.")

picks = st.integers(min_value=0, max_value=1_000)


@dataclass(frozen=True)
class Rules:
    """The rules under test, each as `infra.jobs.rules` has it unless told otherwise."""

    offer: Callable[..., tuple[JobRecord, list[int]]] = rules.offer
    claim: Callable[..., tuple[JobRecord, object]] = rules.claim
    report: Callable[..., tuple[JobRecord, bool]] = rules.report
    finish_chunk: Callable[..., JobRecord] = rules.finish_chunk
    release: Callable[..., JobRecord] = rules.release
    cancel: Callable[..., JobRecord] = rules.cancel
    sweep: Callable[..., tuple[JobRecord, list[int]]] = rules.sweep
    rebuild: Callable[..., JobRecord] = rebuild


class RulesMachine(RuleBasedStateMachine):
    """One album under the rules."""

    #: What is under test.
    under_test = Rules()

    @initialize(total=st.integers(1, 7), chunk=st.integers(1, 3))
    def submit(self, total: int, chunk: int) -> None:
        self.clock = Clock()
        self.spec = JobSpec(
            id="j", tenant="t", style="s", total=total, chunk_photos=chunk, created=self.clock()
        )
        self.record, _ = self.under_test.offer(JobRecord(spec=self.spec), self.clock(), WINDOW)
        #: What was committed, by photo; the first commit counts for ever.
        self.committed: dict[int, PhotoOutcome] = {}
        #: Who may commit to each chunk, and every token that was ever handed out.
        self.holders: dict[int, int] = {}
        self.tokens: list[tuple[int, int]] = []
        #: What S3 holds of each attempt.
        self.stored: dict[tuple[int, int], dict[int, PhotoOutcome]] = {}
        self.cancelled = False

    @rule(pick=picks)
    def deliver(self, pick: int) -> None:
        """A message comes, once or again, and for any chunk."""
        number = pick % (self.spec.chunks + 1)
        with suppress(rules.NotClaimable):
            self.take(number)

    def take(self, number: int) -> int:
        before = self.record
        self.record, _ = self.under_test.claim(before, number, "w", self.clock(), TTL)
        assert number in before.active
        assert number not in self.holders
        assert not self.cancelled
        lease = self.record.active[number].lease
        assert lease
        assert all(lease.token > token for _, token in self.tokens)
        self.tokens.append((number, lease.token))
        self.holders[number] = lease.token
        return lease.token

    @rule(pick=picks, start=st.integers(0, 2), count=st.integers(0, 3), fail=st.booleans())
    @precondition(lambda self: self.tokens)
    def report(self, pick: int, start: int, count: int, fail: bool) -> None:
        """Whoever ever held a chunk reports: holders and zombies, new photos and old."""
        number, token = self.tokens[pick % len(self.tokens)]
        indices = list(self.spec.indices(number))[start : start + count]
        self.commit(number, token, [outcome(index, token, fail) for index in indices])

    def commit(self, number: int, token: int, outcomes: list[PhotoOutcome]) -> None:
        holds = self.holders.get(number) == token and not self.record.state.terminal
        if holds and outcomes:  # the adapter writes what it is about to commit
            known = {i: o for i, o in self.committed.items() if i in self.spec.indices(number)}
            self.stored[number, token] = {o.index: o for o in outcomes} | known
        flying = [index for index in self.spec.indices(number)][:2]
        try:
            self.record, kept = self.under_test.report(
                self.record, number, token, outcomes, flying, self.clock(), TTL
            )
        except rules.StaleLease:
            assert not holds
            return
        assert holds
        assert kept is not self.cancelled
        for photo in outcomes:
            self.committed.setdefault(photo.index, photo)
        if not kept:
            del self.holders[number]

    @rule(pick=picks)
    @precondition(lambda self: self.tokens)
    def finish(self, pick: int) -> None:
        number, token = self.tokens[pick % len(self.tokens)]
        self.hand_in(number, token)

    def hand_in(self, number: int, token: int) -> None:
        holds = self.holders.get(number) == token and not self.record.state.terminal
        left = set(self.spec.indices(number)) - set(self.committed)
        try:
            self.record = self.under_test.finish_chunk(self.record, number, token, self.clock())
        except rules.StaleLease:
            assert not holds
        except IllegalTransition:
            assert holds
            assert left
        else:
            assert holds
            assert not left
            del self.holders[number]
            self.record, _ = self.under_test.offer(self.record, self.clock(), WINDOW)

    @rule(pick=picks)
    @precondition(lambda self: self.tokens)
    def release(self, pick: int) -> None:
        number, token = self.tokens[pick % len(self.tokens)]
        with suppress(rules.StaleLease):
            self.record = self.under_test.release(self.record, number, token, self.clock())
            assert self.holders.pop(number) == token

    @rule()
    @precondition(lambda self: len(self.tokens) > 1)
    def cancel(self) -> None:
        with suppress(IllegalTransition):
            self.record = self.under_test.cancel(self.record, self.clock())
            self.cancelled = True

    @rule(seconds=st.sampled_from([0.5, 5.0, 21.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        before, now = self.record, self.clock()
        self.record, _ = self.under_test.sweep(before, now, PATIENCE)
        self.record, _ = self.under_test.offer(self.record, now, WINDOW)
        for number, chunk in before.active.items():
            if chunk.lease and chunk.lease.expires <= now:
                self.holders.pop(number, None)

    @rule()
    @precondition(lambda self: self.tokens)
    def flush_and_rebuild(self) -> None:
        """Redis forgets the record, which is made anew from the attempts in S3.

        Not once the end was seen: it is finalized, and never rebuilt.
        """
        if self.record.state.terminal:
            return
        self.clock.advance(0.001)  # no flush and rebuild fit into one microsecond
        self.record = self.under_test.rebuild(
            self.spec, self.attempts(), self.cancelled, self.clock()
        )
        self.holders.clear()
        self.record, _ = self.under_test.offer(self.record, self.clock(), WINDOW)

    def attempts(self) -> list[Attempt]:
        """Return what S3 tells of each chunk: its newest attempt, and what only older ones say."""
        found: dict[int, Attempt] = {}
        for (number, token), photos in sorted(self.stored.items()):
            older = {o.index: o for o in found[number].outcomes} if number in found else {}
            merged = tuple((older | photos).values())
            found[number] = Attempt(chunk=number, tokens=(token,), outcomes=merged)
        return list(found.values())

    # What must hold.

    @invariant()
    def photos_have_one_result_and_are_counted_once(self) -> None:
        failed = sum(photo.error is not None for photo in self.committed.values())
        assert self.record.failed == failed
        assert self.record.done == len(self.committed) - failed
        assert self.record.done + self.record.failed <= self.spec.total
        for chunk in self.record.active.values():
            mine = {i: o for i, o in self.committed.items() if i in self.spec.indices(chunk.number)}
            assert chunk.items == mine

    @invariant()
    def only_holders_hold(self) -> None:
        leases = {n: chunk.lease.token for n, chunk in self.record.active.items() if chunk.lease}
        assert leases == self.holders
        assert not leases or not self.record.state.terminal
        assert self.record.cancelling is self.cancelled

    def teardown(self) -> None:
        """No more faults: whatever was left behind, the job comes to its end."""
        if not hasattr(self, "record"):
            return
        for _ in range(3 * self.spec.chunks + 2):
            self.clock.advance(PATIENCE + TTL)
            self.sweep()
            for number in list(self.record.active):
                with suppress(rules.NotClaimable):
                    token = self.take(number)
                    indices = self.spec.indices(number)
                    self.commit(number, token, [outcome(n, token, False) for n in indices])
                    self.hand_in(number, token)
        assert self.record.state.terminal
        assert self.cancelled or set(self.committed) == set(range(self.spec.total))
        assert (self.record.state is JobState.CANCELLED) is self.cancelled
        self.photos_have_one_result_and_are_counted_once()


def outcome(index: int, token: int, fail: bool) -> PhotoOutcome:
    """Return an outcome that tells which attempt it comes from."""
    if fail:
        return PhotoOutcome(index=index, error=PROBLEM)
    return PhotoOutcome(index=index, result=f"{index}-{token}")
