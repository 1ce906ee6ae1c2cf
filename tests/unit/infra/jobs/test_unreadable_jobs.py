"""A job with an unreadable object is reported, and stands in no other job's way."""

from collections.abc import Callable, Iterator

import pytest

from infra import layout
from infra.deployment import Deployment
from infra.doctor import examination
from infra.doctor.finding import Finding
from infra.doctor.orphans import Orphans
from infra.errors import ServiceUnavailable
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.maintenance.sweep import SURVEY_SECONDS
from infra.settings import Settings
from infra.storage.port import ObjectUnavailable
from tests.fakes.service import TENANT, FakeDeployment, done
from tests.unit.infra.jobs.test_damaged_jobs import examined, finished, forgotten

#: Seconds until the next survey and the next look for jobs whose time is over.
NEXT_LOOK = SURVEY_SECONDS + 1


def outcomes_of(world: FakeDeployment, job: str) -> str:
    """Report a photo of an album, and return the key of the file that says so."""
    claim = world.claim(job, 0)
    world.jobs.chunks.report(claim, [done(claim.photos[0].index, claim)])
    return layout.outcomes(TENANT, job, 0, claim.token)


@pytest.mark.parametrize("what", ["spec", "outcomes"])
def test_it_holds_up_no_other_when_redis_is_lost(what: str) -> None:
    world = FakeDeployment()
    kept, other = world.submit(4).id, world.submit(4).id
    outcomes = outcomes_of(world, kept)
    key = layout.job_spec(TENANT, kept) if what == "spec" else outcomes
    world.objects.withheld.add(key)
    world.records.flush()
    world.notifier.messages.clear()
    assert world.jobs.sweep.run().rebuilt == 1
    assert world.records.open_jobs() == [other]
    assert {job for job, _ in world.notifier.messages} == {other}
    world.work_off()
    assert world.jobs.queries.get(other, TENANT).state == "succeeded"
    world.objects.withheld.clear()
    world.clock.advance(NEXT_LOOK)
    assert world.jobs.sweep.run().rebuilt == 1
    assert world.jobs.queries.get(kept, TENANT).done == 1


def test_an_outage_in_the_middle_of_a_survey_concludes_nothing() -> None:
    world = FakeDeployment()
    jobs = {world.submit(1).id for _ in range(2)}
    world.records.flush()
    load = world.records.load

    def load_and_lose_s3(job: str) -> object:
        world.objects.down = True
        return load(job)

    world.records.load = load_and_lose_s3  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        world.jobs.sweep.run()
    assert not world.records.remembers()
    world.records.load, world.objects.down = load, False  # type: ignore[method-assign]
    assert world.jobs.sweep.run().rebuilt == 2
    assert set(world.records.open_jobs()) == jobs


def test_a_clock_that_is_put_back_stops_no_survey() -> None:
    world = FakeDeployment(retention_days=1.0)
    over = finished(world)
    world.jobs.sweep.run()
    world.clock.advance(-DAY_SECONDS)
    job = world.submit(1).id
    world.records.remove(job)
    world.jobs.sweep.run()
    assert world.records.open_jobs() == [job]
    world.clock.advance(DAY_SECONDS * 2.5)
    assert world.jobs.sweep.run().removed == 1
    assert layout.job_spec(TENANT, over) not in world.objects.objects


class Locked(FakeDeployment):
    """A bucket of which one object cannot be removed."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.locked = ""
        delete = self.objects.delete

        def refuse(key: str) -> None:
            if key == self.locked:
                raise ServiceUnavailable("S3 answered AccessDenied (in this test).")
            delete(key)

        self.objects.delete = refuse  # type: ignore[method-assign]


def test_an_object_that_cannot_be_removed_holds_up_no_other_removal() -> None:
    world = Locked(retention_days=1.0)
    oldest, younger = finished(world), finished(world)
    world.locked = layout.job_spec(TENANT, oldest)
    world.clock.advance(2 * DAY_SECONDS)
    assert world.jobs.sweep.run().removed == 1
    assert not [key for key in world.objects.objects if younger in key]
    world.locked = ""
    world.clock.advance(NEXT_LOOK)
    assert world.jobs.sweep.run().removed == 1
    assert not [key for key in world.objects.objects if oldest in key]


@pytest.mark.parametrize("key", [layout.job_spec, layout.job_outcome])
def test_it_is_left_out_of_the_list_and_an_outage_is_none(key: Callable[[str, str], str]) -> None:
    world = FakeDeployment()
    older, kept, younger = finished(world), finished(world), finished(world)
    forgotten(world, kept)
    world.objects.withheld.add(key(TENANT, kept))
    assert [job.id for job in world.jobs.queries.recent(TENANT, limit=3)] == [younger, older]
    world.objects.withheld.add(layout.newest_entry(TENANT, kept))  # nothing is to be had any more
    with pytest.raises(ObjectUnavailable):
        world.jobs.queries.recent(TENANT, limit=3)


@pytest.mark.parametrize("key", [layout.job_spec, layout.job_outcome])
def test_the_doctor_names_an_unreadable_object_and_goes_on(key: Callable[[str, str], str]) -> None:
    world = FakeDeployment()
    job = finished(world)
    world.objects.withheld.add(key(TENANT, job))
    world.objects.put(layout.result_index_entry(TENANT, "ab" * 32), b'{"key": "gone"}')
    kept, lost = examined(world)
    assert (kept.check, kept.about) == ("object-kept-back", key(TENANT, job))
    assert "AccessDenied" in kept.detail
    assert (lost.check, lost.about) == ("orphan", "index entries of no result")


def test_an_unreadable_index_entry_is_no_orphan() -> None:
    world = FakeDeployment()
    entry = layout.result_index_entry(TENANT, "ab" * 32)
    world.objects.put(entry, b'{"key": "gone"}')
    world.objects.withheld.add(entry)
    assert examined(world) == []


@pytest.mark.parametrize("expiring", [True, False])
def test_a_removal_that_was_cut_off_is_an_orphan_where_nobody_finishes_it(expiring: bool) -> None:
    world = FakeDeployment()
    job = finished(world)
    world.objects.delete(layout.job_spec(TENANT, job))
    world.objects.delete(layout.newest_entry(TENANT, job))
    found = list(Orphans(world.objects, expiring=expiring).run())
    assert [finding.about for finding in found] == ([] if expiring else ["objects of no job"])
    for finding in found:
        assert finding.repair
        finding.repair()
        assert list(world.objects.list(layout.job_prefix(TENANT, job))) == []


def test_an_orphan_that_cannot_be_removed_leaves_the_others_to_be() -> None:
    world = Locked()
    entries = [layout.newest_entry(TENANT, world.jobs.submission.new_job_id()) for _ in range(2)]
    for entry in entries:
        world.objects.put(entry, b"")
    world.locked = min(entries)
    [finding] = Orphans(world.objects, expiring=True).run()
    assert finding.repair
    finding.repair()
    assert [info.key for info in world.objects.list("")] == [world.locked]


def test_a_look_that_is_cut_off_says_so_and_repairs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a second look did not come to may be there still."""
    orphan = Finding(
        check="orphan", part="objects", detail="Here.", advice="Repair.", repair=lambda: None
    )
    looks = iter([[orphan], []])

    def look(deployment: Deployment, clock: Callable[[], float]) -> Iterator[Finding]:
        def checks() -> Iterator[Finding]:
            yield from next(looks)
            raise ServiceUnavailable("S3 answered AccessDenied (in this test).")

        return examination._as_far_as_possible("objects", checks())

    monkeypatch.setattr(examination, "connect", lambda _settings: None)
    monkeypatch.setattr(examination, "_findings", look)
    found = examination.examine(Settings(), repair=True)
    told = {(each.finding.check, each.repaired) for each in found}
    assert told == {("orphan", False), ("check-cut-off", False)}
    assert any("AccessDenied" in each.finding.detail for each in found)
