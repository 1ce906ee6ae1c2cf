"""Jobs whose time is over go, wholly and alone, wherever the process that removes them dies."""

from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest

from infra import layout
from infra.errors import InvalidRequest, JobMissing
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobDraft, PhotoEntry, PhotoOutcome
from infra.jobs.domain.timing import DAY_SECONDS
from infra.jobs.maintenance.expiry import LOOK_SECONDS
from infra.jobs.service import JobServices
from infra.layout.ids import new_job_id
from tests.fakes.jobs import Killed
from tests.fakes.service import BLEND, TENANT, FakeDeployment
from tests.fakes.trainings import draft as training_draft
from tests.unit.infra.jobs.test_retry import half_failed

DAYS = 2.0


def deployment(days: float | None = DAYS) -> FakeDeployment:
    return FakeDeployment(retention_days=days)


def submit(world: FakeDeployment, keys: Iterable[str] | None = None, photos: int = 4) -> str:
    """Submit an album of its own uploads, or of photos that lie under other keys."""
    job = world.jobs.submission.new_job_id()
    uploads = [layout.upload(TENANT, job, n, f"{n}.jpg") for n in range(photos)]
    if keys is None:
        for key in uploads:
            world.objects.put(key, b"a photo")
    draft = JobDraft(id=job, tenant=TENANT, style="s", blend=BLEND)
    chosen = [
        PhotoEntry(index=n, name=f"{n}.jpg", key=key) for n, key in enumerate(keys or uploads)
    ]
    world.jobs.submission.submit(draft, chosen)
    return job


def paint(world: FakeDeployment) -> None:
    """Work off what waits; results and their index entries lie where a worker leaves them."""
    while world.notifier.messages:
        if claim := world.take_message():
            for photo in claim.photos:
                world.jobs.chunks.report(claim, [painted(world, claim, photo)])
            world.jobs.chunks.finish(claim)


def painted(world: FakeDeployment, claim: ClaimedChunk, photo: PhotoEntry) -> PhotoOutcome:
    digest = f"{photo.index:064x}"
    key = layout.result(TENANT, claim.spec.id, digest, "jpg")
    world.objects.put(key, b"a painting")
    world.objects.put(layout.result_index_entry(TENANT, digest), b'{"key": "%s"}' % key.encode())
    return PhotoOutcome(index=photo.index, result=key, bytes=10)


def pass_days(world: FakeDeployment, days: float) -> None:
    world.clock.advance(days * DAY_SECONDS)
    sweep(world)


def sweep(world: FakeDeployment) -> None:
    """Sweep until nothing more is removed; a slow machine takes more than one."""
    world.jobs.sweep.run()
    while world.jobs.sweep.run().removed:
        pass


def traces(world: FakeDeployment, job: str) -> list[str]:
    """Whatever is left of a job, in S3 and in Redis."""
    named = [key for key, body in world.objects.objects.items() if job in key or job in str(body)]
    newest = [key for key in world.objects.objects if key == layout.newest_entry(TENANT, job)]
    return [*named, *newest, *(name for name in world.records.records if name == job)]


@pytest.mark.parametrize("stray", ["", ".DS_Store", "x/y", "00/"])
def test_stray_objects_among_the_results_hold_up_no_removal(stray: str) -> None:
    world = deployment()
    job = submit(world)
    world.objects.put(layout.results_prefix(TENANT, job) + stray, b"")
    paint(world)
    pass_days(world, DAYS + 1)
    assert not traces(world, job)


def test_result_that_was_never_committed_goes_with_its_index_entry() -> None:
    """The worker was killed between the two, and then the job was cancelled."""
    world = deployment()
    job = submit(world)
    claim = world.claim(job, 0)
    painted(world, claim, claim.photos[0])
    world.jobs.chunks.release(claim)
    world.jobs.cancellation.cancel(job, TENANT)
    pass_days(world, DAYS + 1)
    assert not traces(world, job)


@pytest.mark.parametrize("effects", range(8))
def test_job_that_is_removed_while_it_is_asked_for_does_not_come_back(effects: int) -> None:
    world = deployment()
    job = submit(world)
    paint(world)
    told = world.jobs.queries.get(job, TENANT)
    world.records.remove(job)  # its day in Redis is over
    world.clock.advance((DAYS + 1) * DAY_SECONDS)
    world.fuse.set(effects, lambda: sweep(world))
    with suppress(JobMissing):
        assert world.jobs.queries.get(job, TENANT) == told
    world.fuse.clear()
    assert not world.records.open_jobs()


def page(jobs: JobServices, job: str, tenant: str) -> object:
    return jobs.queries.items(job, tenant, 0, 100)


def retry(jobs: JobServices, job: str, tenant: str) -> object:
    return jobs.submission.retry(job, tenant)


@pytest.mark.parametrize("ask", [page, retry])
def test_job_that_is_removed_while_it_is_read_is_missing(
    ask: Callable[[JobServices, str, str], object],
) -> None:
    told: list[bool] = []
    for effects in range(20):
        world = deployment()
        job = half_failed(world)
        world.clock.advance((DAYS + 1) * DAY_SECONDS)
        world.fuse.set(effects, lambda world=world: sweep(world))
        try:
            ask(world.jobs, job, TENANT)
            told.append(True)
        except JobMissing:
            told.append(False)
    assert {True, False} == set(told)


def test_job_says_when_it_goes_and_then_nothing_is_left_of_it() -> None:
    world = deployment()
    job = submit(world)
    assert world.jobs.queries.get(job, TENANT).expires is None, "nobody knows while it runs"
    paint(world)
    view = world.jobs.queries.get(job, TENANT)
    assert view.finished is not None
    assert view.expires == view.finished + DAYS * DAY_SECONDS
    pass_days(world, DAYS - 0.01)
    assert world.jobs.queries.get(job, TENANT) == view
    pass_days(world, 0.02)
    assert traces(world, job) == []
    assert world.objects.objects == {}
    with pytest.raises(JobMissing):
        world.jobs.queries.get(job, TENANT)


def test_everything_stays_where_nothing_is_set() -> None:
    world = deployment(None)
    job = submit(world)
    paint(world)
    before = dict(world.objects.objects)
    pass_days(world, 10_000)
    assert world.jobs.queries.get(job, TENANT).expires is None
    assert world.objects.objects == before


def test_files_of_the_users_own_below_ended_survive_and_hold_up_no_removal() -> None:
    """Even under the very key of a marker: none of ours holds anything."""
    world = deployment()
    ancient = layout.ended_marker(TENANT, new_job_id(0), 0.0)
    keys = ["ended/", "ended/2026/house/1.jpg", "ended/x.jpg", ancient]
    for key in keys:
        world.objects.put(key, b"" if key.endswith("/") else b"a photo")
    submit(world)
    paint(world)
    pass_days(world, DAYS + 1)
    pass_days(world, DAYS + 1)
    assert list(world.objects.objects) == keys


def test_job_that_runs_is_never_removed() -> None:
    world = deployment()
    job = submit(world, photos=30)
    claim = world.take_message()
    assert claim
    before = set(world.objects.objects)
    pass_days(world, 100)
    assert before <= set(world.objects.objects)
    assert not world.jobs.queries.get(job, TENANT).state.terminal


@pytest.mark.parametrize("effects", range(60))
def test_removal_that_is_killed_anywhere_is_done_by_the_next_sweep(effects: int) -> None:
    """And a neighbour of the same age, which another job relies on, loses nothing."""
    world = deployment()
    job, kept = submit(world), submit(world)
    paint(world)
    world.clock.advance(DAYS * DAY_SECONDS + 1)
    user = submit(world, keys=[layout.upload(TENANT, kept, 0, "0.jpg")])
    of_kept = {key for key in world.objects.objects if layout.job_of(key) == (TENANT, kept)}
    world.fuse.set(effects)
    try:
        world.jobs.sweep.run()
    except Killed:
        world.restart()
    world.fuse.clear()
    world.clock.advance(LOOK_SECONDS + 1)
    sweep(world)
    assert traces(world, job) == []
    assert of_kept <= set(world.objects.objects)
    assert world.jobs.queries.get(user, TENANT).total == 1


def test_uploads_stay_until_the_last_job_that_uses_them_is_gone() -> None:
    world = deployment()
    first = submit(world, photos=1)
    paint(world)
    pass_days(world, DAYS - 0.5)
    upload = layout.upload(TENANT, first, 0, "0.jpg")
    second = submit(world, keys=[upload])
    paint(world)
    pass_days(world, 0.6)
    assert world.objects.get(upload) == b"a photo"
    assert world.jobs.queries.get(first, TENANT).done == 1
    pass_days(world, DAYS)
    pass_days(world, 0.1)
    assert traces(world, first) == traces(world, second) == []


def test_hold_of_a_submission_that_failed_holds_nothing() -> None:
    world = deployment()
    job = submit(world, photos=1)
    paint(world)
    upload = layout.upload(TENANT, job, 0, "0.jpg")
    world.records.down = True
    with pytest.raises(Exception, match="down"):
        submit(world, keys=[upload])
    world.records.down = False
    world.clock.advance(5 * 3600)
    pass_days(world, DAYS)
    assert traces(world, job) == []


def test_painting_stays_while_a_training_learns_from_it() -> None:
    world = deployment()
    job = submit(world, photos=1)
    paint(world)
    draft = training_draft(world.jobs.submission.new_job_id())
    assert draft.training
    upload = layout.upload(TENANT, job, 0, "0.jpg")
    painting = draft.training.painting.model_copy(update={"key": upload})
    config = draft.training.model_copy(update={"painting": painting})
    world.jobs.submission.submit_training(draft.model_copy(update={"training": config}))
    pass_days(world, DAYS + 1)
    assert world.objects.get(upload) == b"a photo"


def test_nothing_new_may_rely_on_what_is_being_removed() -> None:
    world = deployment()
    job = submit(world, photos=1)
    paint(world)
    world.objects.put(layout.removal_marker(TENANT, job, new_job_id(world.clock())), b"")
    before = set(world.objects.objects)
    with pytest.raises(InvalidRequest, match="being removed"):
        submit(world, keys=[layout.upload(TENANT, job, 0, "0.jpg")])
    assert set(world.objects.objects) == before


def test_index_entry_that_leads_to_a_younger_job_stays() -> None:
    world = deployment()
    submit(world, photos=1)
    paint(world)
    entry = layout.result_index_entry(TENANT, f"{0:064x}")
    pass_days(world, 1)
    younger = submit(world, photos=1)
    paint(world)
    pass_days(world, DAYS - 0.5)
    assert younger in str(world.objects.get(entry))
