"""A model of everything that may happen to trainings, in any order, killed at any point.

As for albums: kills fall between any two effects on S3, Redis or the broker, trainers go on as
zombies, messages are lost, Redis is flushed. Stages are never counted twice, progress never runs
backwards, a stale token changes nothing, and every accepted training comes to its end.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra.catalogue import StyleCatalogue
from infra.errors import JobMissing, StyleTaken
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobRecord, JobState, Problem
from infra.jobs.domain.rules import StaleLease
from infra.jobs.domain.training_rules import STRIKES
from infra.jobs.maintenance.recovery import ABANDONED_SECONDS
from infra.jobs.maintenance.sweep import BUSY_PATIENCE, SURVEY_SECONDS
from infra.jobs.views import JobView
from infra.layout.ids import new_job_id
from tests.fakes.jobs import Killed
from tests.fakes.service import TENANT, FakeDeployment
from tests.fakes.trainings import ITERATIONS, STAGES, at, draft
from tests.machines.unanswered import Unanswered

PROBLEM = Problem(type="training-diverged", detail="It went up and up.")
#: Iterations between two reports of a trainer in the end.
STRIDE = 100

picks = st.integers(min_value=0, max_value=1_000)
iterations = st.integers(min_value=0, max_value=ITERATIONS)
#: Before which effect of a step its process is killed; mostly before none.
kills = st.sampled_from([None] * 4 + [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12])


class TrainingMachine(RuleBasedStateMachine):
    """Trainings under every fault that the design names."""

    @initialize()
    def deploy(self) -> None:
        self.world = FakeDeployment()
        self.known: list[str] = []
        self.accepted: list[str] = []
        self.cancelled: set[str] = set()
        self.claims: list[ClaimedTraining] = []
        #: The newest token of each job.
        self.newest: dict[str, int] = {}
        #: What users saw: where a training was, and which stages it had.
        self.positions: dict[str, tuple[int, int]] = {}
        self.stages: dict[str, set[int]] = {}
        self.ends: dict[str, JobState] = {}
        self.submit(0, None)

    @contextmanager
    def fault_at(self, effects: int | None) -> Iterator[None]:
        """Kill the process before its n-th effect, if it gets so far."""
        if effects is not None:
            self.light(effects)
        try:
            yield
        except Killed:
            self.world.restart()
        finally:
            self.world.fuse.clear()

    def light(self, effects: int) -> None:
        """Set the fuse on what this machine's faults are."""
        self.world.fuse.set(effects)

    # What users do.

    @rule(pick=st.integers(0, 1), kill=kills)
    @precondition(lambda self: len(self.known) < 4)
    def submit(self, pick: int, kill: int | None) -> None:
        """Two names for more trainings, so that some are refused."""
        job = f"{new_job_id(self.world.clock())[:10]}{len(self.known):016d}"
        self.known.append(job)
        with self.fault_at(kill), suppress(StyleTaken):
            self.world.jobs.submission.submit_training(draft(job, f"style-{pick}"))
            self.accepted.append(job)

    @rule(pick=picks, kill=kills)
    @precondition(lambda self: self.accepted)
    def cancel(self, pick: int, kill: int | None) -> None:
        job = self.accepted[pick % len(self.accepted)]
        self.cancelled.add(job)
        with self.fault_at(kill):
            self.world.jobs.cancellation.cancel(job, TENANT)

    # What trainers do.

    @rule(pick=picks, kill=kills)
    @precondition(lambda self: self.known)
    def claim(self, pick: int, kill: int | None) -> None:
        """Messages are not needed: a lost one is a claim that is not made."""
        job = self.known[pick % len(self.known)]
        with self.fault_at(kill):
            if claimed := self.world.jobs.trainings.claim(job, "t"):
                assert claimed.token > self.newest.get(job, 0)
                self.newest[job] = claimed.token
                self.claims.append(claimed)

    @rule(pick=picks, iteration=iterations, kill=kills)
    @precondition(lambda self: self.claims)
    def report(self, pick: int, iteration: int, kill: int | None) -> None:
        claimed = self.claims[pick % len(self.claims)]
        with self.fault_at(kill), suppress(StaleLease):
            self.world.jobs.trainings.report(claimed, at(iteration))
            self.must_be_newest(claimed)

    @rule(pick=picks, stage=st.integers(0, 2), kill=kills)
    @precondition(lambda self: self.claims)
    def publish(self, pick: int, stage: int, kill: int | None) -> None:
        claimed = self.claims[pick % len(self.claims)]
        with self.fault_at(kill), suppress(StaleLease, StyleTaken):
            self.publish_stage(claimed, stage)
            self.must_be_newest(claimed)

    def publish_stage(self, claimed: ClaimedTraining, stage: int) -> None:
        StyleCatalogue(self.world.objects).publish_stage(
            claimed.spec.style,
            title="",
            job=claimed.spec.id,
            stage=stage,
            ratio=STAGES[stage][0],
            net=f"net {stage}".encode(),
            files={"card.json": b"{}"},
        )
        self.world.jobs.trainings.stage_published(claimed, stage)

    @rule(pick=picks, iteration=iterations, notify=st.booleans(), kill=kills)
    @precondition(lambda self: self.claims)
    def end_slice(self, pick: int, iteration: int, notify: bool, kill: int | None) -> None:
        claimed = self.claims.pop(pick % len(self.claims))
        with self.fault_at(kill):
            self.world.jobs.trainings.end_slice(claimed, at(iteration), notify=notify)

    @rule(pick=picks, iteration=iterations, kill=kills)
    @precondition(lambda self: self.claims)
    def defer(self, pick: int, iteration: int, kill: int | None) -> None:
        claimed = self.claims.pop(pick % len(self.claims))
        with self.fault_at(kill), suppress(StaleLease):
            self.world.jobs.trainings.defer(claimed, at(iteration))
            self.must_be_newest(claimed)

    @rule(pick=picks, fail=st.booleans(), kill=kills)
    @precondition(lambda self: self.claims)
    def end(self, pick: int, fail: bool, kill: int | None) -> None:
        claimed = self.claims.pop(pick % len(self.claims))
        with self.fault_at(kill), suppress(StaleLease):
            if fail:
                self.world.jobs.trainings.fail(claimed, PROBLEM)
            else:
                self.world.jobs.trainings.finish(claimed)
            self.must_be_newest(claimed)

    def must_be_newest(self, claimed: ClaimedTraining) -> None:
        assert claimed.token == self.newest[claimed.spec.id]

    # What happens to them.

    @rule(seconds=st.sampled_from([0.5, 5.0, 21.0, 21.0, 61.0, 400.0, ABANDONED_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(kill=kills)
    def sweep(self, kill: int | None) -> None:
        with self.fault_at(kill):
            self.world.jobs.sweep.run()

    @rule()
    def flush_everything(self) -> None:
        self.world.records.flush()
        self.world.notifier.training_messages.clear()
        # Tokens follow the clock: no flush and rebuild fit into one microsecond.
        self.world.clock.advance(0.001)

    # What must hold.

    @invariant()
    def nothing_is_taken_back(self) -> None:
        for job in self.accepted:
            record = self.world.records.peek(job)
            # Looking finalizes what has ended; that must happen by itself, too.
            if not (record and record.state.terminal and not self.world.records.finalized(job)):
                self.see(self.world.jobs.queries.get(job, TENANT))

    @rule(pick=picks)
    @precondition(lambda self: self.accepted)
    def watch(self, pick: int) -> None:
        self.see(self.world.jobs.queries.get(self.accepted[pick % len(self.accepted)], TENANT))

    def see(self, view: JobView) -> None:
        assert self.stages.get(view.id, set()) <= set(view.published)
        self.stages[view.id] = set(view.published)
        assert view.done == len(set(view.published)) <= view.total
        assert view.done + view.failed <= view.total
        if view.state.terminal:
            assert self.ends.setdefault(view.id, view.state) is view.state
        position = view.training.position if view.training else (0, 0)
        assert position >= self.positions.get(view.id, (0, 0))
        self.positions[view.id] = position

    @invariant()
    def records_are_sound(self) -> None:
        for document in self.world.records.records.values():
            record = JobRecord.model_validate_json(document)
            assert set(record.active) <= {0}
            for chunk in record.active.values():
                assert chunk.lease is None or chunk.lease.token == record.last_token
                assert chunk.strikes.get(0, 0) <= STRIKES

    @invariant()
    def styles_are_whole_and_their_makers_own(self) -> None:
        catalogue = StyleCatalogue(self.world.objects)
        for style in catalogue.list():
            assert style.job in self.known
            assert list(style.stages) == sorted(style.stages, key=lambda stage: stage.stage)
            assert all(stage.key in self.world.objects.objects for stage in style.stages)

    @invariant()
    def nobody_shares_a_name(self) -> None:
        views = [self.world.jobs.queries.get(job, TENANT) for job in self.accepted]
        names = [view.style for view in views if not view.state.terminal or view.published]
        assert len(names) == len(set(names))

    def teardown(self) -> None:
        """The faults stop: everything accepted comes to its end, and nothing else is left."""
        if not hasattr(self, "world"):
            return
        patience = max(SURVEY_SECONDS, BUSY_PATIENCE * self.world.settings.ring_patience_seconds)
        for _ in range(12):
            self.world.clock.advance(patience + 1)
            self.world.jobs.sweep.run()
            messages = self.world.notifier.training_messages
            while messages:
                self.train(messages.pop()[0])
        self.world.clock.advance(ABANDONED_SECONDS + 1)
        self.world.jobs.sweep.run()
        assert not [key for key in self.world.objects.objects if key.startswith("open/")]
        assert not self.world.records.open_jobs()
        self.judge()

    def train(self, job: str) -> None:
        claimed = self.world.jobs.trainings.claim(job, "t")
        if claimed is None:
            return
        begun = claimed.progress.iteration if claimed.progress else 0
        for iteration in range(begun, ITERATIONS, STRIDE):
            self.world.jobs.trainings.report(claimed, at(iteration))
        for stage in range(len(STAGES)):
            self.publish_stage(claimed, stage)
        self.world.jobs.trainings.finish(claimed)

    def judge(self) -> None:
        for job in self.accepted:
            view = self.world.jobs.queries.get(job, TENANT)
            self.see(view)
            assert view.state.terminal
            assert view.state is not JobState.CANCELLED or job in self.cancelled
        self.world.records.flush()
        for job in self.known:
            with suppress(JobMissing):
                self.see(self.world.jobs.queries.get(job, TENANT))
        self.nobody_shares_a_name()


class UnansweredTrainingMachine(Unanswered, TrainingMachine):
    """Trainings whose calls go without an answer."""
