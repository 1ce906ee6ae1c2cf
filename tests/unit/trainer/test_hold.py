"""A trainer's hold on a training: outages are endured for as long as the lease can live."""

import pytest

from infra.errors import ServiceUnavailable
from infra.jobs.model import JobDraft, Painting, Problem, TrainingOrder, TrainingProgress
from infra.jobs.rules import StaleLease
from infra.jobs.views import ClaimedTraining
from tests.fakes.service import TENANT, FakeDeployment
from trainer.hold import Halted, Hold

AWAY = ServiceUnavailable("S3 is down (in this test).")


@pytest.fixture
def at() -> FakeDeployment:
    return FakeDeployment(lease_seconds=20)


@pytest.fixture
def claim(at: FakeDeployment) -> ClaimedTraining:
    job = at.jobs.new_job_id()
    order = TrainingOrder(
        style="s",
        title="S",
        painting=Painting(key="k", sha256="0"),
        stages=((0.1, 5), (1.0, 5)),
        corpus="c",
    )
    draft = JobDraft(id=job, tenant=TENANT, kind="train", style="s", training=order)
    at.jobs.submit_training(draft)
    claim = at.jobs.claim_training(job, "t")
    assert claim
    return claim


def hold(at: FakeDeployment, claim: ClaimedTraining, heartbeat: float = 1000.0) -> Hold:
    return Hold(
        service=at.jobs,
        claim=claim,
        lease_seconds=20,
        heartbeat_seconds=heartbeat,
        clock=at.clock,
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

    assert hold(at, claim).persist(action) == "done"


def test_an_outage_that_outlives_the_lease_ends_the_slice(
    at: FakeDeployment, claim: ClaimedTraining
) -> None:
    held = hold(at, claim)
    at.clock.advance(21)

    def action() -> None:
        raise AWAY

    with pytest.raises(Halted):
        held.persist(action)
    with pytest.raises(Halted):
        held.check()


def test_a_lost_lease_halts(at: FakeDeployment, claim: ClaimedTraining) -> None:
    held = hold(at, claim)
    held.confirm()
    at.clock.advance(21)
    at.jobs.sweep()
    with pytest.raises(Halted):
        held.confirm()


def test_confirming_tells_the_progress(at: FakeDeployment, claim: ClaimedTraining) -> None:
    held = hold(at, claim)
    held.progress = progress(3)
    held.confirm()
    seen = at.jobs.get(claim.spec.id, TENANT).training
    assert seen is not None
    assert seen.iteration == 3


def test_what_an_action_raises_is_passed_on(at: FakeDeployment, claim: ClaimedTraining) -> None:
    def action() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        hold(at, claim).persist(action)


def test_a_failed_training_frees_the_trainer(at: FakeDeployment, claim: ClaimedTraining) -> None:
    at.jobs.fail_training(claim, Problem(type="p", detail="d"))
    with pytest.raises(StaleLease):
        at.jobs.report_training(claim)
