"""Trainings over the fake deployment: what a client asks for, and what a trainer reports."""

from infra.catalogue import StyleCatalogue
from infra.jobs.domain.claim import ClaimedTraining
from infra.jobs.domain.model import JobDraft, Painting, TrainingConfig, TrainingProgress
from infra.jobs.domain.schedule import Stages
from infra.jobs.views import JobView
from tests.fakes.service import TENANT, FakeDeployment

STAGES: Stages = ((0.1, 100), (1.0, 100), (10.0, 200))
ITERATIONS = 400


def config(style: str = "waves", stages: Stages = STAGES) -> TrainingConfig:
    """Return what a small training is asked for."""
    painting = Painting(key="paintings/wave.jpg", sha256="1" * 64)
    return TrainingConfig(
        style=style, title="Great Waves", painting=painting, stages=stages, corpus="coco"
    )


def draft(job: str, style: str = "waves", stages: Stages = STAGES) -> JobDraft:
    """Return the draft of a small training."""
    asked = config(style, stages)
    return JobDraft(id=job, tenant=TENANT, kind="train", style=style, training=asked)


def submit(world: FakeDeployment, style: str = "waves") -> JobView:
    """Submit a small training."""
    return world.jobs.submission.submit_training(draft(world.jobs.submission.new_job_id(), style))


def claim(world: FakeDeployment, job: str) -> ClaimedTraining:
    """Claim a training that must be there to be had."""
    claimed = world.jobs.trainings.claim(job, "t1")
    assert claimed
    return claimed


def at(iteration: int, **measured: float) -> TrainingProgress:
    """Return the progress at an iteration of the whole schedule."""
    ends = [100, 200, 400]
    stage = sum(iteration >= end for end in ends)
    known = {"stage": stage, "iteration": iteration, "iteration_total": ITERATIONS, **measured}
    return TrainingProgress.model_validate(known)


def publish(world: FakeDeployment, claimed: ClaimedTraining, stage: int) -> None:
    """Publish a stage as a trainer does: the bucket first, then the count."""
    StyleCatalogue(world.objects).publish_stage(
        claimed.spec.style,
        title=claimed.config.title,
        job=claimed.spec.id,
        stage=stage,
        ratio=claimed.config.stages[stage][0],
        net=f"net {stage}".encode(),
        files={"card.json": b"{}"},
    )
    world.jobs.trainings.stage_published(claimed, stage)


def owners(world: FakeDeployment) -> list[str]:
    """Return the keys of all reservations of styles' names."""
    return [key for key in world.objects.objects if "/owners/" in key]
