import json

import numpy as np
import pytest

from infra.jobs.result_index import ResultIndexEntry
from tests.fakes.storage import MemoryStore
from worker.album.results import ResultStore
from worker.pixels import Photo

DIGEST = "ab" + "0" * 62
PHOTO = Photo(rgb=np.zeros((4, 6, 3), np.uint8), alpha=None, format="JPEG")
ENTRY_KEY = f"tenants/alice/receipts/ab/{DIGEST}.json"
RESULT_KEY = f"tenants/alice/jobs/first/results/ab/{DIGEST}.jpg"


def store(job: str = "first", like: ResultStore | None = None) -> ResultStore:
    """Return the store of a job, over the same objects as another one."""
    return ResultStore(objects=like.objects if like else MemoryStore(), tenant="alice", job=job)


def test_kept_result_is_found_by_its_digest() -> None:
    results = store()
    kept = results.keep(DIGEST, b"a painting", PHOTO)
    assert kept == ResultIndexEntry(key=RESULT_KEY, bytes=10, width=6, height=4, format="JPEG")
    assert results.find(DIGEST) == kept
    assert results.objects.get(RESULT_KEY) == b"a painting"


def test_result_is_written_before_its_index_entry() -> None:
    """A worker killed between the two leaves a result that nobody relies on."""
    results = store()
    order: list[str] = []

    class Ordered(MemoryStore):
        def put(self, key: str, body: object, *, content_type: str | None = None) -> None:
            order.append(key)

    ResultStore(objects=Ordered(), tenant="alice", job="first").keep(DIGEST, b"x", PHOTO)
    assert order == [RESULT_KEY, ENTRY_KEY]
    assert results.find(DIGEST) is None


def test_result_of_another_job_is_copied_and_outlives_it() -> None:
    first = store()
    first.keep(DIGEST, b"a painting", PHOTO)
    second = store("second", like=first)
    found = second.find(DIGEST)
    assert found
    assert found.key == RESULT_KEY.replace("first", "second")
    first.objects.delete_prefix("tenants/alice/jobs/first/")
    assert second.objects.get(found.key) == b"a painting"
    assert store("third", like=first).find(DIGEST), "found where it is left"


def test_result_that_was_removed_with_its_job_is_not_found() -> None:
    first = store()
    first.keep(DIGEST, b"a painting", PHOTO)
    first.objects.delete_prefix("tenants/alice/jobs/first/")
    assert store("second", like=first).find(DIGEST) is None


def test_result_of_another_tenant_is_not_found() -> None:
    results = store()
    results.keep(DIGEST, b"a painting", PHOTO)
    assert ResultStore(objects=results.objects, tenant="bob", job="first").find(DIGEST) is None


@pytest.mark.parametrize("result", [b"cut", b"a painting and more", None])
def test_result_that_is_not_what_its_index_entry_says_is_not_used(result: bytes | None) -> None:
    results = store()
    results.keep(DIGEST, b"a painting", PHOTO)
    results.objects.delete(RESULT_KEY)
    if result is not None:
        results.objects.put(RESULT_KEY, result)
    assert results.find(DIGEST) is None


@pytest.mark.parametrize("key", [ENTRY_KEY, RESULT_KEY])
def test_result_that_the_bucket_does_not_hand_out_is_not_used(key: str) -> None:
    objects = MemoryStore()
    ResultStore(objects=objects, tenant="alice", job="first").keep(DIGEST, b"a painting", PHOTO)
    objects.refused.add(key)
    assert ResultStore(objects=objects, tenant="alice", job="second").find(DIGEST) is None


@pytest.mark.parametrize("entry", [b"", b"{}", b"\xff", json.dumps({"key": 3}).encode()])
def test_broken_index_entry_is_as_good_as_none(entry: bytes) -> None:
    results = store()
    results.objects.put(ENTRY_KEY, entry)
    assert results.find(DIGEST) is None
