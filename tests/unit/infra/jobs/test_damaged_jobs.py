"""A job whose objects in the bucket are damaged is told about, and stands in no other job's way."""

from collections.abc import Callable
from typing import cast

import pytest

from infra import layout
from infra.doctor.finding import Finding
from infra.doctor.job_checks import JobChecks
from infra.doctor.orphans import Orphans
from infra.errors import JobUnreadable
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.maintenance.sweep import SURVEY_SECONDS
from infra.jobs.manifest import Manifest
from infra.redis.worker_registry import WorkerRegistry
from tests.fakes.service import TENANT, FakeDeployment

ENDED = [layout.job_spec, layout.job_outcome]


def finished(world: FakeDeployment) -> str:
    """Return an album that was worked to its end."""
    job = world.submit(1).id
    world.work_off()
    world.clock.advance(1.0)
    return job


def forgotten(world: FakeDeployment, job: str) -> None:
    """Let Redis forget a job that has ended, as it does after a day."""
    world.records.remove(job)


def examined(world: FakeDeployment) -> list[Finding]:
    """Return what a doctor finds who looks at jobs, and at what belongs to none."""

    class Staff:
        def alive(self) -> list[str]:
            return ["somebody"]

        def deaf(self) -> list[str]:
            return []

    doctor = JobChecks(
        objects=world.objects,
        records=world.records,
        sweep=world.jobs.sweep,
        workers=cast("WorkerRegistry", Staff()),
        trainers=cast("WorkerRegistry", Staff()),
        settings=world.settings,
        clock=world.clock,
    )
    return [*doctor.run(), *Orphans(world.objects, expiring=True).run()]


@pytest.mark.parametrize("key", ENDED)
def test_damaged_job_expires_as_others_do(key: Callable[[str, str], str]) -> None:
    world = FakeDeployment(retention_days=1.0)
    oldest, younger = finished(world), finished(world)
    world.objects.put(key(TENANT, oldest), b"{")
    world.clock.advance(2 * DAY_SECONDS)
    assert world.jobs.sweep.run().removed == 2
    assert not [stored for stored in world.objects.objects if oldest in stored or younger in stored]


def test_what_a_damaged_job_holds_stays() -> None:
    world = FakeDeployment(retention_days=1.0)
    owner, user = finished(world), world.submit(1).id
    world.objects.put(layout.reference(TENANT, owner, TENANT, user), b"")
    world.objects.put(layout.job_spec(TENANT, user), b"{")
    world.clock.advance(2 * DAY_SECONDS)
    assert world.jobs.sweep.run().removed == 0
    assert world.jobs.queries.get(owner, TENANT).total == 1


@pytest.mark.parametrize("key", ENDED)
def test_damaged_job_is_left_out_of_the_list_and_says_so_itself(
    key: Callable[[str, str], str],
) -> None:
    world = FakeDeployment()
    older, damaged, younger = finished(world), finished(world), finished(world)
    world.objects.put(key(TENANT, damaged), b'{"id": "another version\'s"}')
    forgotten(world, damaged)
    assert [job.id for job in world.jobs.queries.recent(TENANT, limit=3)] == [younger, older]
    with pytest.raises(JobUnreadable, match=key(TENANT, damaged)):
        world.jobs.queries.get(damaged, TENANT)


def test_damaged_record_in_redis_hides_no_other_job_and_is_rebuilt_once_it_is_removed() -> None:
    """What Redis holds is only a copy; the doctor says how to have it made anew."""
    world = FakeDeployment()
    older, younger, damaged = finished(world), finished(world), world.submit(1).id
    world.records.records[damaged] = '{"id": "another version\'s"}'
    assert [job.id for job in world.jobs.queries.recent(TENANT, limit=3)] == [younger, older]
    for look in (world.jobs.queries.get, world.jobs.cancellation.cancel):
        with pytest.raises(JobUnreadable, match="impasto doctor"):
            look(damaged, TENANT)
    [finding] = examined(world)
    assert (finding.check, finding.about) == ("record-unreadable", damaged)
    del world.records.records[damaged]  # as the doctor advises
    assert world.jobs.sweep.run().rebuilt == 1
    assert world.jobs.queries.get(damaged, TENANT).state == "queued"


@pytest.mark.parametrize("key", ENDED)
def test_doctor_names_a_damaged_job_that_has_ended(key: Callable[[str, str], str]) -> None:
    world = FakeDeployment()
    job = finished(world)
    world.objects.put(key(TENANT, job), b"{")
    [finding] = examined(world)
    assert finding.check == "manifest-unreadable"
    assert key(TENANT, job) in finding.detail


def test_doctor_names_a_damaged_job_that_only_s3_knows() -> None:
    """And knows what else is wrong all the same; no sweep would help."""
    world = FakeDeployment()
    damaged, other = world.submit(1).id, world.submit(1).id
    world.objects.put(layout.job_spec(TENANT, damaged), b"{")
    world.records.flush()
    world.clock.advance(2 * SURVEY_SECONDS)
    found = {finding.check: finding.detail for finding in examined(world)}
    assert found.keys() == {"manifest-unreadable", "job-forgotten"}
    assert other in found["job-forgotten"]
    world.jobs.sweep.run()
    assert world.records.open_jobs() == [other]


def test_damaged_job_without_a_marker_is_no_orphan() -> None:
    """It may be put back from a copy."""
    world = FakeDeployment()
    job = finished(world)
    world.objects.put(layout.job_spec(TENANT, job), b"{")
    world.objects.delete_prefix(layout.ENDED_PREFIX)
    assert examined(world) == []


def test_whatever_of_a_manifest_is_damaged_is_named() -> None:
    world = FakeDeployment()
    job = world.submit(1).id
    manifest = Manifest(store=world.objects, tenant=TENANT, job=job)
    for key, read in {
        layout.photos_part(TENANT, job, 0): lambda: manifest.photos(0, 1),
        layout.outcomes(TENANT, job, 0, 1): lambda: manifest.outcomes(0, 1),
        layout.progress(TENANT, job, 1): lambda: manifest.progress(1),
    }.items():
        world.objects.put(key, b"\xff{\n")
        with pytest.raises(JobUnreadable, match=key):
            read()
