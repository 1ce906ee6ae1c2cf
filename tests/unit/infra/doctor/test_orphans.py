"""What no job owns is found among everything else that lies in the bucket."""

from infra import layout
from infra.doctor.orphans import Orphans
from tests.fakes.storage import MemoryStore

GONE = "01k9zq6d3v8m4x2c7t5b1hnwfj"


def test_files_of_a_tenants_own_are_never_orphans() -> None:
    """Even under the very key of an entry: none of ours holds anything."""
    store = MemoryStore()
    keys = [
        "tenants/alice/newest/beach.jpg",
        "tenants/alice/receipts/scan-2026.jpg",
        "tenants/alice/receipts/ab/scan.json",
        "tenants//newest/1.jpg",
        layout.newest_entry("alice", GONE),
    ]
    for key in keys:
        store.put(key, b"a photo")
    for folder in ("tenants/", "tenants/alice/newest/", "ended/"):
        store.put(folder, b"")
    assert list(Orphans(store, expiring=True).run()) == []


def test_entries_that_lead_nowhere_are_named_and_removed() -> None:
    store = MemoryStore()
    listed, indexed = (
        layout.newest_entry("alice", GONE),
        layout.result_index_entry("alice", "ab" * 32),
    )
    store.put(listed, b"")
    store.put(indexed, b'{"key": "tenants/alice/jobs/gone/results/ab/x.jpg"}')
    found = list(Orphans(store, expiring=True).run())
    assert all(key in each.detail for key, each in zip((listed, indexed), found, strict=True))
    for finding in found:
        assert finding.repair
        finding.repair()
    assert not store.objects
