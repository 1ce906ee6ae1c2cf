"""What users see of their jobs, and how they cancel them."""

import pytest

from infra.errors import JobMissing
from infra.jobs.domain.model import JobState
from infra.jobs.domain.rules import JobCancelled
from tests.fakes.service import TENANT, FakeDeployment, done, failed


def test_job_of_another_tenant_is_missing(world: FakeDeployment) -> None:
    job = world.submit(3, tenant="alice").id
    for ask in (world.jobs.queries.get, world.jobs.cancellation.cancel):
        with pytest.raises(JobMissing):
            ask(job, "bob")
    with pytest.raises(JobMissing):
        world.jobs.queries.items(job, "bob", 0, 1)
    world.records.flush()
    with pytest.raises(JobMissing):
        world.jobs.queries.get(job, "bob")


@pytest.mark.parametrize("job", ["", "nonsense", "../../alice", "0" * 26])
def test_unknown_job_is_missing(world: FakeDeployment, job: str) -> None:
    with pytest.raises(JobMissing):
        world.jobs.queries.get(job, TENANT)


def test_progress_is_seen_while_a_chunk_runs(world: FakeDeployment) -> None:
    job = world.submit(4).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [], [0, 1])
    assert world.states(job) == "rrpp"
    world.clock.advance(2)
    world.jobs.chunks.report(claim, [done(0, claim)], [1, 2])
    world.jobs.chunks.report(claim, [failed(1)])
    assert world.states(job) == "dfrp"
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done, view.failed) == (JobState.RUNNING, 1, 1)
    assert view.eta_seconds == 2.0


def test_recent_jobs_come_newest_first_in_pages(world: FakeDeployment) -> None:
    jobs: list[str] = []
    for _ in range(5):
        world.clock.advance(1)
        jobs.append(world.submit(1).id)
    world.submit(1, tenant="alice")
    newest = list(reversed(jobs))
    first = world.jobs.queries.recent(TENANT, limit=2)
    assert [view.id for view in first] == newest[:2]
    rest = world.jobs.queries.recent(TENANT, limit=99, after=first[-1].id)
    assert [view.id for view in rest] == newest[2:]
    assert world.jobs.queries.recent("nobody", limit=9) == []


def test_finalized_job_is_answered_by_s3_alone(world: FakeDeployment) -> None:
    job = world.submit(7).id
    world.work_off()
    view, items = world.jobs.queries.get(job, TENANT), world.items(job)
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT) == view
    assert world.items(job) == items
    assert not world.records.records


def test_cancel_stops_the_job_and_keeps_what_is_done(world: FakeDeployment) -> None:
    job = world.submit(7).id
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [done(0, claim)], [1])
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLING
    assert world.jobs.chunks.claim(job, 1, "w2") is None
    with pytest.raises(JobCancelled):
        world.jobs.chunks.report(claim, [done(1, claim)])
    view = world.jobs.queries.get(job, TENANT)
    assert (view.state, view.done) == (JobState.CANCELLED, 2)
    assert world.states(job) == "ddppppp"
    world.records.flush()
    assert world.jobs.queries.get(job, TENANT) == view
    assert world.states(job) == "ddppppp"


def test_cancel_is_safe_to_repeat_and_too_late_after_the_end(world: FakeDeployment) -> None:
    job, ended = world.submit(3).id, world.submit(3).id
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLED
    assert world.jobs.cancellation.cancel(job, TENANT).state is JobState.CANCELLED
    world.work_off()
    assert world.jobs.cancellation.cancel(ended, TENANT).state is JobState.SUCCEEDED


def test_cancel_outlives_a_flush(world: FakeDeployment) -> None:
    job = world.submit(3).id
    world.claim(job, 0)
    world.jobs.cancellation.cancel(job, TENANT)
    world.records.flush()
    world.jobs.sweep.run()
    assert world.jobs.queries.get(job, TENANT).state is JobState.CANCELLED
