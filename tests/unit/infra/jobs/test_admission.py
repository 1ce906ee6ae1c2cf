"""Queues are bounded, and who fills one does not keep the others waiting."""

from collections import deque

import pytest

from infra.broker.notifier import STYLIZE_QUEUES
from infra.errors import QueueFull
from infra.jobs.domain.lanes import LANES, LARGEST, lane
from infra.jobs.domain.model import JobDraft
from infra.jobs.ports import Waiting
from tests.fakes.service import BLEND, TENANT, FakeDeployment, entries


@pytest.mark.parametrize(
    ("setting", "reached"),
    [
        ("max_tenant_open_jobs", 2),
        ("max_open_jobs", 2),
        ("max_tenant_waiting_photos", 8),
        ("max_waiting_photos", 8),
        ("max_tenant_waiting_bytes", 200),
        ("max_waiting_bytes", 200),
    ],
)
def test_bound_refuses_before_anything_is_kept_and_lets_in_again_later(
    setting: str, reached: int
) -> None:
    world = FakeDeployment(**{setting: reached})

    def submit(tenant: str = TENANT) -> None:
        job = world.jobs.submission.new_job_id()
        draft = JobDraft(id=job, tenant=tenant, style="s", blend=BLEND, bytes=100)
        world.jobs.submission.submit(draft, entries(4))

    submit()
    submit()
    before = dict(world.objects.objects)
    for refused in (
        submit,
        lambda: world.jobs.submission.announce(world.jobs.submission.new_job_id(), TENANT),
    ):
        with pytest.raises(QueueFull) as caught:
            refused()
        assert caught.value.retry_after > 0
        assert world.objects.objects == before
    if "tenant" in setting:
        submit("bob")
    else:
        with pytest.raises(QueueFull, match="service"):
            submit("bob")
    world.work_off()
    submit()


def test_album_larger_than_a_bound_is_let_in_when_it_is_not_reached() -> None:
    """Otherwise it would be told to come again for ever."""
    world = FakeDeployment(max_waiting_photos=3)
    world.submit(30)
    with pytest.raises(QueueFull, match="30 photos waiting"):
        world.submit(1)


def test_waiting_shrinks_photo_by_photo() -> None:
    world = FakeDeployment(chunk_photos=2)
    world.submit(6)
    claim = world.take_message()
    assert claim
    world.work(claim)
    assert world.records.waiting(TENANT) == (Waiting(1, 4, 0), Waiting(1, 4, 0))


def test_jobs_of_about_one_size_share_a_lane() -> None:
    photos = (1, 2, 8, 9, 64, 65, 512, 513, 100_000)
    assert [lane(count) for count in photos] == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(LARGEST) + 1 == LANES


def test_lanes_of_an_earlier_version_are_still_listened_to() -> None:
    """Messages wait in them while it is replaced."""
    assert {"stylize", "stylize.1", "stylize.2", "stylize.3"} <= set(STYLIZE_QUEUES)


def work_in_turns(world: FakeDeployment, messages: int) -> dict[str, int]:
    """Work as a worker that takes turns among lanes; return the chunks done of each job."""
    done: dict[str, int] = {}
    lanes = deque(range(LANES))
    for _ in range(messages):
        mine = next((n for n in lanes if world.notifier.lanes[n]), None)
        if mine is None:
            break
        lanes.remove(mine)
        lanes.append(mine)
        message = world.notifier.lanes[mine].popleft()
        world.notifier.messages.remove(message)
        if claim := world.jobs.chunks.claim(*message, "w"):
            world.work(claim)
            done[claim.spec.id] = done.get(claim.spec.id, 0) + 1
    return done


def test_flood_of_tiny_jobs_does_not_starve_an_album() -> None:
    world = FakeDeployment(chunk_photos=1, job_window=8)
    for _ in range(300):
        world.submit(1)
    album = world.submit(100).id
    done = work_in_turns(world, 100)
    assert done[album] == 50, "every second turn is the album's"


@pytest.mark.parametrize(("flood", "behind"), [(1, 5), (5, 1)])
def test_album_of_a_few_photos_and_single_photos_do_not_wait_for_each_other(
    flood: int, behind: int
) -> None:
    """Although each is one chunk."""
    world = FakeDeployment(chunk_photos=8)
    for _ in range(50):
        world.submit(flood)
    last = world.submit(behind).id
    assert last in work_in_turns(world, 2)


def test_album_does_not_starve_tiny_jobs_nor_jobs_of_other_sizes() -> None:
    world = FakeDeployment(chunk_photos=1, job_window=8)
    album = world.submit(300).id
    world.jobs.chunks.claim(*world.notifier.messages[0], "w")
    others = [world.submit(photos).id for photos in (1, 1, 8, 60)]
    done = work_in_turns(world, 40)
    assert done[album] >= 10
    assert [done.get(job, 0) for job in others[:3]] == [1, 1, 8]
    assert done[others[3]] >= 10
