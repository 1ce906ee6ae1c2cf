"""Holders of a lease, of a chunk and of a training, over services in memory."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk, ClaimedTraining
from infra.jobs.domain.model import (
    Chunk,
    JobDraft,
    JobState,
    Painting,
    TrainingConfig,
    TrainingProgress,
)
from tests.fakes.service import TENANT, FakeDeployment
from trainer.slices.training_keeper import TrainingKeeper
from worker.album.chunk_keeper import ChunkKeeper
from worker.process.lease_keeper import Halted, LeaseKeeper, LeaseTiming

#: Seconds that a lease lives, and that work may go on after a stop.
LEASE, GRACE = 20.0, 7.0
#: Seconds after which a test that waits for another thread gives up.
PATIENCE = 10
AWAY = ServiceUnavailable("away (in this test)")


class Holder(ABC):
    """One who holds a lease, over a world that the test breaks."""

    job: str

    def __init__(self) -> None:
        self.at = FakeDeployment(lease_seconds=LEASE)
        self.stop = threading.Event()

    @abstractmethod
    def make(self, timing: LeaseTiming) -> LeaseKeeper:
        """Return the keeper of the claim."""

    @abstractmethod
    def begin(self, keeper: LeaseKeeper) -> None:
        """Let something be in flight, which a loss would be blamed on."""

    @abstractmethod
    def hand_in(self) -> None:
        """End the work."""

    @property
    @abstractmethod
    def notified(self) -> list[tuple[str, int]]:
        """Messages about this work."""

    @contextmanager
    def keeper(
        self, *, heartbeat: float = 3600, lease: float = LEASE, grace: float = GRACE
    ) -> Iterator[LeaseKeeper]:
        """A keeper at work; messages from before are forgotten."""
        self.notified.clear()
        timing = LeaseTiming(
            lease_seconds=lease,
            heartbeat_seconds=heartbeat,
            stop_grace=grace,
            first_pause=0.001,
            clock=self.at.clock,
        )
        with self.make(timing) as keeper:
            self.begin(keeper)
            yield keeper

    @property
    def work(self) -> Chunk:
        """The work as the service knows it."""
        record = self.at.records.peek(self.job)
        assert record is not None
        return record.active[0]

    @property
    def state(self) -> JobState:
        record = self.at.records.peek(self.job)
        assert record is not None
        return record.state

    def live(self, seconds: float) -> None:
        """Let time pass, in which the heart beats."""
        for _ in range(4):
            self.at.clock.advance(seconds / 4)
            assert wait_until(self._beaten)

    def _beaten(self) -> bool:
        lease = self.work.lease
        return lease is None or lease.expires >= self.at.clock() + LEASE

    def lose(self) -> None:
        """Let the lease run out and a sweep take it back."""
        self.at.clock.advance(LEASE + 1)
        self.at.jobs.sweep.run()

    def away(self, seconds: float) -> Callable[[], None]:
        """An action that takes so long to find its server away."""

        def act() -> None:
            self.at.clock.advance(seconds)
            raise AWAY

        return act


class ChunkHolder(Holder):
    """A worker with a chunk of three photos."""

    def __init__(self) -> None:
        super().__init__()
        self.job = self.at.submit(3).id
        self.claim: ClaimedChunk = self.at.claim(self.job, 0)

    def make(self, timing: LeaseTiming) -> LeaseKeeper:
        return ChunkKeeper(
            service=self.at.jobs.chunks, claim=self.claim, stop=self.stop, timing=timing
        )

    def begin(self, keeper: LeaseKeeper) -> None:
        assert isinstance(keeper, ChunkKeeper)
        keeper.admit([0, 1])

    def hand_in(self) -> None:
        self.at.work(self.claim)

    @property
    def notified(self) -> list[tuple[str, int]]:
        return self.at.notifier.messages


class TrainingHolder(Holder):
    """A trainer with a training of one stage."""

    def __init__(self) -> None:
        super().__init__()
        self.job = self.at.jobs.submission.new_job_id()
        config = TrainingConfig(
            style="s",
            title="S",
            painting=Painting(key="k", sha256="0"),
            stages=((0.1, 5),),
            corpus="c",
        )
        draft = JobDraft(id=self.job, tenant=TENANT, kind="train", style="s", training=config)
        self.at.jobs.submission.submit_training(draft)
        claim = self.at.jobs.trainings.claim(self.job, "t")
        assert claim
        self.claim: ClaimedTraining = claim

    def make(self, timing: LeaseTiming) -> LeaseKeeper:
        return TrainingKeeper(
            service=self.at.jobs.trainings, claim=self.claim, stop=self.stop, timing=timing
        )

    def begin(self, keeper: LeaseKeeper) -> None:
        assert isinstance(keeper, TrainingKeeper)
        keeper.progress = TrainingProgress(stage=0, iteration=1, iteration_total=5)
        keeper.confirm()

    def hand_in(self) -> None:
        self.at.jobs.trainings.stage_published(self.claim, 0)
        self.at.jobs.trainings.finish(self.claim)

    @property
    def notified(self) -> list[tuple[str, int]]:
        return self.at.notifier.training_messages


def wait_until(true: Callable[[], bool]) -> bool:
    """Wait for another thread to make something true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return answer


def ended_by(keeper: LeaseKeeper, action: Callable[[], object]) -> int:
    """Persist an action until that is given up; returns how often it was tried."""
    tries = 0

    def counted() -> None:
        nonlocal tries
        tries += 1
        action()

    with pytest.raises((Halted, ServiceUnavailable)):
        keeper.persist(counted)
    return tries
