"""The progress that a trainer tells while it keeps a training's lease.

See tests/contract/test_lease_keepers.py for what holds for every keeper of a lease.
"""

import threading
import time

import pytest

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobDraft, Painting, Problem, TrainingConfig, TrainingProgress
from infra.jobs.domain.rules import StaleLease
from tests.fakes.service import TENANT, FakeDeployment
from trainer.slices.training_keeper import TrainingKeeper
from worker.process.lease_keeper import OUTAGE_PATIENCE, Halted, LeaseTiming

AWAY = ServiceUnavailable("S3 is down (in this test).")


@pytest.fixture
def at() -> FakeDeployment:
    return FakeDeployment(lease_seconds=20)


@pytest.fixture
def claim(at: FakeDeployment) -> ClaimedTraining:
    job = at.jobs.submission.new_job_id()
    config = TrainingConfig(
        style="s",
        title="S",
        painting=Painting(key="k", sha256="0"),
        stages=((0.1, 5), (1.0, 5)),
        corpus="c",
    )
    draft = JobDraft(id=job, tenant=TENANT, kind="train", style="s", training=config)
    at.jobs.submission.submit_training(draft)
    claim = at.jobs.trainings.claim(job, "t")
    assert claim
    return claim


def keeper(
    at: FakeDeployment,
    claim: ClaimedTraining,
    lease_seconds: float = 20,
    stop: threading.Event | None = None,
) -> TrainingKeeper:
    return TrainingKeeper(
        service=at.jobs.trainings,
        claim=claim,
        stop=stop or threading.Event(),
        timing=LeaseTiming(lease_seconds=lease_seconds, heartbeat_seconds=1000.0, clock=at.clock),
    )


def progress(iteration: int) -> TrainingProgress:
    return TrainingProgress(stage=0, iteration=iteration, iteration_total=10)


def test_an_outage_is_endured_while_the_lease_lives(
    at: FakeDeployment, claim: ClaimedTraining
) -> None:
    answers: list[Exception | None] = [AWAY, None]

    def action() -> str:
        if error := answers.pop(0):
            raise error
        return "done"

    assert keeper(at, claim).persist(action) == "done"


def test_an_outage_that_outlives_the_lease_ends_the_slice(
    at: FakeDeployment, claim: ClaimedTraining
) -> None:
    kept = keeper(at, claim)
    at.clock.advance(21)

    def action() -> None:
        raise AWAY

    with pytest.raises(Halted):
        kept.persist(action)
    with pytest.raises(Halted):
        kept.check()


def test_an_outage_that_lasts_ends_the_slice_although_the_lease_is_kept(
    at: FakeDeployment, claim: ClaimedTraining
) -> None:
    """The outage may be this training's alone while others wait; a long action is no outage."""
    kept, tries = keeper(at, claim, lease_seconds=1e6), 0

    def action() -> None:
        nonlocal tries
        tries += 1
        at.clock.advance(OUTAGE_PATIENCE)
        raise AWAY

    with pytest.raises(ServiceUnavailable):
        kept.persist(action)
    assert tries == 2
    kept.confirm()


def test_an_outage_is_not_endured_once_the_process_is_to_end(
    at: FakeDeployment, claim: ClaimedTraining
) -> None:
    stop = threading.Event()
    kept, tries = keeper(at, claim, stop=stop), 0

    def action() -> None:
        nonlocal tries
        tries += 1
        stop.set()
        raise AWAY

    with pytest.raises(ServiceUnavailable):
        kept.persist(action)
    assert tries == 1


def test_a_lost_lease_halts(at: FakeDeployment, claim: ClaimedTraining) -> None:
    kept = keeper(at, claim)
    kept.confirm()
    at.clock.advance(21)
    at.jobs.sweep.run()
    with pytest.raises(Halted):
        kept.confirm()


def test_confirming_tells_the_progress(at: FakeDeployment, claim: ClaimedTraining) -> None:
    kept = keeper(at, claim)
    kept.progress = progress(3)
    kept.confirm()
    seen = at.jobs.queries.get(claim.spec.id, TENANT).training
    assert seen is not None
    assert seen.iteration == 3


def test_what_an_action_raises_is_passed_on(at: FakeDeployment, claim: ClaimedTraining) -> None:
    def action() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        keeper(at, claim).persist(action)


def test_a_failed_training_frees_the_trainer(at: FakeDeployment, claim: ClaimedTraining) -> None:
    at.jobs.trainings.fail(claim, Problem(type="p", detail="d"))
    with pytest.raises(StaleLease):
        at.jobs.trainings.report(claim)


def test_first_measurement_is_reported_without_waiting_for_a_heartbeat(
    at: FakeDeployment, claim: ClaimedTraining
) -> None:
    """Heartbeats are 1000 s apart here, and whoever watches wants a number within 5 s."""
    with keeper(at, claim) as kept:
        kept.progress = progress(0)  # the slice has opened the training, and measured nothing
        kept.progress = progress(1).model_copy(update={"images_per_second": 4.0})
        until = time.monotonic() + 4
        view = at.jobs.queries.get(claim.spec.id, TENANT)
        while view.eta_seconds is None and time.monotonic() < until:
            time.sleep(0.05)
            view = at.jobs.queries.get(claim.spec.id, TENANT)
    assert view.training is not None
    assert view.training.iteration == 1
    assert view.eta_seconds == 9 * claim.config.batch / 4.0
