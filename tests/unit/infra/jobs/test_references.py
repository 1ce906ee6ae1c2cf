"""Announcements of removals: whoever leaves one and dies, or is slow, blocks nobody for good."""

from collections.abc import Callable, Iterator

import pytest

from infra import layout
from infra.errors import InvalidRequest, ServiceUnavailable
from infra.jobs.domain.model import JobDraft, PhotoEntry
from infra.jobs.manifest.references import ANNOUNCED_SECONDS, DECISION_SECONDS, References
from infra.layout.ids import new_job_id
from infra.storage.port import ObjectInfo
from tests.fakes.jobs import Clock
from tests.fakes.service import BLEND, TENANT, FakeDeployment
from tests.fakes.storage import MemoryStore


class WatchedStore(MemoryStore):
    """Tells of each listing of references to a job before it is made."""

    def __init__(self, before_references: Callable[[], None]) -> None:
        super().__init__()
        self._before_references = before_references

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        if prefix.endswith("/holders/"):
            self._before_references()
        return super().list(prefix, start_after=start_after)


def away() -> None:
    raise ServiceUnavailable("S3 is away (in this test).")


def use(world: FakeDeployment, owner: str) -> None:
    """Submit an album of a photo that came with another job."""
    upload = layout.upload(TENANT, owner, 0, "0.jpg")
    draft = JobDraft(id=world.jobs.submission.new_job_id(), tenant=TENANT, style="s", blend=BLEND)
    world.jobs.submission.submit(draft, [PhotoEntry(index=0, name="0.jpg", key=upload)])


def test_announcement_of_a_process_that_died_counts_for_a_time_only() -> None:
    world = FakeDeployment()
    owner = world.submit(1).id
    world.objects.put(layout.removal_marker(TENANT, owner, new_job_id(world.clock())), b"")
    world.clock.advance(ANNOUNCED_SECONDS - 1)
    with pytest.raises(InvalidRequest, match="being removed"):
        use(world, owner)
    world.clock.advance(1)
    use(world, owner)


def test_announcement_of_an_earlier_version_does_not_count() -> None:
    """It does not tell its time, so it would count for ever."""
    world = FakeDeployment()
    owner = world.submit(1).id
    world.objects.put(layout.removal_marker(TENANT, owner, "0123456789abcdef"), b"")
    use(world, owner)


def test_announcement_is_taken_back_when_the_references_cannot_be_listed() -> None:
    objects = WatchedStore(away)
    with pytest.raises(ServiceUnavailable):
        References(objects=objects, clock=Clock()).announce_removal(TENANT, new_job_id(0))
    assert objects.objects == {}


@pytest.mark.parametrize(("seconds", "goes_on"), [(1, True), (1.01, False)])
def test_removal_that_took_too_long_to_decide_is_called_off(seconds: float, goes_on: bool) -> None:
    """Its announcement might count no longer when it is carried out."""
    clock = Clock()
    objects = WatchedStore(lambda: clock.advance(seconds * DECISION_SECONDS))
    references = References(objects=objects, clock=clock)
    assert references.announce_removal(TENANT, new_job_id(0)) is goes_on
    assert bool(objects.objects) is goes_on


def test_two_clocks_that_differ_do_not_let_both_go_on() -> None:
    """S3 takes nobody whose clock is a quarter of an hour off."""
    assert ANNOUNCED_SECONDS - DECISION_SECONDS > 2 * 15 * 60
