"""An album that an earlier version left half painted is painted to its end by this one."""

import json

import pytest

from infra.jobs.domain.model import JobRecord, JobState
from infra.jobs.manifest import Manifest
from infra.jobs.views import JobView
from tests.fakes.album import AlbumHarness
from tests.stored import VERSIONS, Stored, keeps

PHOTOS = 17


class Upgraded:
    """This version's workers over what an earlier one left."""

    def __init__(self, stored: Stored, *, flushed: bool = False) -> None:
        self.stored = stored
        self.harness = AlbumHarness(chunk_photos=3)
        self.harness.clock.now = stored.now
        for key, body in stored.objects.items():
            self.harness.objects.put(key, body)
        for document in {} if flushed else stored.records.values():
            self.harness.records.create(JobRecord.model_validate_json(document))
        if not flushed:
            self.harness.records.remember()

    def work_off(self, job: str) -> JobView:
        """Let the old leases end, then work what messages name until the job has ended."""
        for _ in range(20):
            self.harness.clock.advance(self.harness.settings.lease_seconds + 1)
            self.harness.jobs.sweep.run()
            while self.harness.notifier.messages:
                named = self.harness.notifier.messages.pop(0)
                if claim := self.harness.jobs.chunks.claim(*named, "worker-2"):
                    self.harness.pipeline.run(claim)
            view = self.harness.jobs.queries.get(job, "default")
            if view.state.terminal:
                return view
        pytest.fail("the album does not end")


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest) -> Stored:
    return Stored(request.param, "album")


def committed(stored: Stored, job: str) -> dict[int, dict[str, object]]:
    """Return the outcomes that the earlier version had committed, as it wrote them."""
    keys = [key for key in stored.objects if f"/jobs/{job}/outcomes/" in key]
    lines = [json.loads(line) for key in keys for line in stored.objects[key].splitlines()]
    return {line["index"]: line for line in lines}


@pytest.mark.parametrize("flushed", [False, True], ids=["with Redis", "from S3 alone"])
def test_a_half_painted_album_ends_with_one_result_a_photo(stored: Stored, flushed: bool) -> None:
    upgraded = Upgraded(stored, flushed=flushed)
    harness, job = upgraded.harness, stored.job("half_painted")
    before = committed(stored, job)
    assert len(before) == 7
    view = upgraded.work_off(job)
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, PHOTOS - 2, 2)
    outcomes = harness.outcomes(job)
    assert len(outcomes) == PHOTOS
    after = {each.index: json.loads(each.model_dump_json()) for each in outcomes.values() if each}
    assert len(after) == PHOTOS
    for index, outcome in before.items():
        assert keeps(outcome, after[index])
    results = [str(outcome["result"]) for outcome in after.values() if outcome["result"]]
    assert len(set(results)) == len(results) == PHOTOS - 2
    assert all(key in harness.objects.objects for key in results)


def test_nothing_that_was_committed_is_painted_again(stored: Stored) -> None:
    upgraded = Upgraded(stored)
    job = stored.job("half_painted")
    results = {key for key in stored.objects if f"/jobs/{job}/results/" in key}
    assert len(results) == 5
    upgraded.work_off(job)
    upgraded.work_off(stored.job("retried"))
    assert upgraded.harness.engine.photos == PHOTOS - 2 - len(results)


def test_the_retry_of_a_failed_photo_fails_as_before(stored: Stored) -> None:
    upgraded = Upgraded(stored)
    view = upgraded.work_off(stored.job("retried"))
    assert (view.state, view.failed) == (JobState.FAILED, 1)


def test_an_album_that_had_ended_is_shown_and_retried(stored: Stored) -> None:
    upgraded = Upgraded(stored, flushed=True)
    view = upgraded.harness.jobs.queries.get(stored.job("ended"), "default")
    assert (view.state, view.done, view.failed) == (JobState.SUCCEEDED, 1, 1)
    spec = Manifest(
        store=upgraded.harness.objects, tenant="default", job=stored.job("ended")
    ).spec()
    assert spec is not None
    for net in spec.blend:  # nets are not among what is kept here
        upgraded.harness.objects.put(net.key, b"a net")
    assert upgraded.harness.jobs.submission.retry(stored.job("ended"), "default").total == 1


def test_results_are_found_again_by_what_made_them(stored: Stored) -> None:
    """A second album of the same photos: the index entries lead to what is painted already.

    The index entries that are written then tell all that those of the earlier version told.
    """
    upgraded = Upgraded(stored)
    harness = upgraded.harness
    names = ["a.png", "b.png", "c.png"]
    job = harness.submit({name: None for name in names})
    upgraded.work_off(job)
    assert [outcome.cached for outcome in harness.outcomes(job).values() if outcome] == [True] * 3
    entries = [key for key in stored.objects if "/receipts/" in key]
    anew = [key for key in entries if harness.objects.objects[key] != stored.objects[key]]
    assert len(anew) == 3
    for key in entries:
        before, after = json.loads(stored.objects[key]), json.loads(harness.objects.objects[key])
        assert keeps(before, {**after, "key": before["key"]})
