"""What every object store must do: the memory fake, and S3 over every real server."""

import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import PhotoOutcome
from infra.jobs.manifest import Manifest
from infra.storage.port import ObjectMissing, ObjectRefused, ObjectStore, ObjectTooLarge
from tests.contract.servers import S3S, Servers


def keys(store: ObjectStore, prefix: str, start_after: str = "") -> list[str]:
    return [info.key for info in store.list(prefix, start_after=start_after)]


def walked(name: str) -> list[bytes]:
    return [part.encode() for part in name.split("/")]


def first_byte(store: ObjectStore) -> Callable[[str], bytes]:
    return lambda key: store.get_range(key, 0, 1)


def test_what_was_put_is_read_back(objects: ObjectStore, prefix: str) -> None:
    body = bytes(range(256))
    objects.put(prefix + "a/b.bin", body, content_type="application/octet-stream")
    assert objects.get(prefix + "a/b.bin") == body
    assert objects.head(prefix + "a/b.bin").size == 256
    assert b"".join(objects.stream(prefix + "a/b.bin", chunk_bytes=100)) == body


def test_empty_object_is_an_object(objects: ObjectStore, prefix: str) -> None:
    """Markers are empty."""
    objects.put(prefix + "marker", b"")
    assert objects.get(prefix + "marker") == b""
    assert objects.head(prefix + "marker").size == 0
    assert keys(objects, prefix) == [prefix + "marker"]


def test_range_is_read_as_far_as_there_are_bytes(objects: ObjectStore, prefix: str) -> None:
    body = bytes(range(256))
    objects.put(prefix + "a", body)
    assert objects.get_range(prefix + "a", 10, 20) == body[10:20]
    assert objects.get_range(prefix + "a", 0, 256) == body
    assert objects.get_range(prefix + "a", 250, 300) == body[250:]
    assert objects.get_range(prefix + "a", 256, 300) == b""
    assert objects.get_range(prefix + "a", 7, 7) == b""


def test_object_above_the_limit_is_not_read(objects: ObjectStore, prefix: str) -> None:
    objects.put(prefix + "a", bytes(100))
    objects.put(prefix + "empty", b"")
    assert len(objects.get(prefix + "a", limit=100)) == 100
    assert objects.get(prefix + "empty", limit=0) == b""
    with pytest.raises(ObjectTooLarge) as caught:
        objects.get(prefix + "a", limit=99)
    assert (caught.value.key, caught.value.size) == (prefix + "a", 100)
    with pytest.raises(ObjectMissing):
        objects.get(prefix + "b", limit=99)


def test_put_replaces(objects: ObjectStore, prefix: str) -> None:
    objects.put(prefix + "a", b"long enough to see a rest")
    objects.put(prefix + "a", b"new")
    assert objects.get(prefix + "a") == b"new"
    assert objects.head(prefix + "a").size == 3


def test_etag_tells_an_object_from_another_of_its_size(objects: ObjectStore, prefix: str) -> None:
    etags: list[str] = []
    for body in (b"old", b"old", b"new"):
        objects.put(prefix + "a", body)
        etags.append(objects.head(prefix + "a").etag)
        assert [info.etag for info in objects.list(prefix)] == etags[-1:]
        assert objects.head(prefix + "a").etag == etags[-1]
    assert etags[0]
    assert etags[1] != etags[2]


def test_reader_sees_the_old_object_or_the_new_one(objects: ObjectStore, prefix: str) -> None:
    """Never the length of one and the bytes of the other, and no key twice in a listing."""
    bodies = [bytes([number]) * (200 + 37 * number) for number in range(50)]
    read: list[bytes] = []
    listed: list[list[str]] = []
    objects.put(prefix + "a", bodies[0])
    with ThreadPoolExecutor(2) as readers:
        written = threading.Event()

        def read_on() -> None:
            while not written.is_set():
                with suppress(ServiceUnavailable):  # it is replaced without a pause
                    read.append(objects.get(prefix + "a"))

        def list_on() -> None:
            while not written.is_set():
                listed.append(keys(objects, prefix))

        ends = [readers.submit(read_on), readers.submit(list_on)]
        for number in range(300):
            objects.put(prefix + "a", bodies[number % len(bodies)])
        written.set()
        for end in ends:
            end.result()
    assert read
    assert set(read) <= set(bodies)
    assert all(found == [prefix + "a"] for found in listed)


@pytest.mark.parametrize("size", [0, 1, 9 * 1024 * 1024])
def test_file_is_streamed_from_where_it_stands(
    objects: ObjectStore, prefix: str, size: int
) -> None:
    """Small files go up whole, large ones in parts."""
    body = os.urandom(size)
    file = io.BytesIO(b"skipped" + body)
    file.seek(len(b"skipped"))
    objects.put(prefix + "file", file)
    assert objects.get(prefix + "file") == body


def test_copy_holds_what_its_source_held(objects: ObjectStore, prefix: str) -> None:
    source, key = prefix + "a ü+%20.jpg", prefix + "b/copy"
    for body in (b"first", b"second, and longer"):
        objects.put(source, body)
        objects.copy(source, key)
        assert objects.get(key) == body
    objects.delete(source)
    assert objects.get(key) == body
    with pytest.raises(ObjectMissing):
        objects.copy(source, key)


def test_missing_key_is_object_missing(objects: ObjectStore, prefix: str) -> None:
    for ask in (objects.get, objects.head, objects.stream, first_byte(objects)):
        with pytest.raises(ObjectMissing) as caught:
            ask(prefix + "nothing")
        assert caught.value.key == prefix + "nothing"


def test_key_that_no_server_takes_is_no_outage(objects: ObjectStore, prefix: str) -> None:
    """S3 takes 1,024 bytes; servers differ in what they say to more."""
    for ask in (objects.get, objects.head, objects.stream, first_byte(objects)):
        with pytest.raises((ObjectMissing, ObjectRefused)):
            ask(prefix + "\N{BLUE HEART}" * 1024)


def test_keys_are_listed_folder_by_folder(objects: ObjectStore, prefix: str) -> None:
    """In the order of their bytes, or as a walk through folders finds them."""
    names = [
        "a.txt",
        "a/b",
        "a0",
        "A",
        "a/b.c/d",
        "a/b-c",
        "a b",
        "ä",
        "a+b",
        "a%20b",
        "z/1",
        "z/10",
    ]
    for name in names:
        objects.put(prefix + name, name.encode())
    listed = [key.removeprefix(prefix) for key in keys(objects, prefix)]
    assert listed in (sorted(names, key=str.encode), sorted(names, key=walked))
    for name in names:
        assert objects.get(prefix + name) == name.encode()


def test_listing_takes_the_prefix_as_text(objects: ObjectStore, prefix: str) -> None:
    for name in ["job-1/x", "job-10/x", "other"]:
        objects.put(prefix + name, b"")
    assert keys(objects, prefix + "job-1") == [prefix + "job-1/x", prefix + "job-10/x"]
    assert keys(objects, prefix + "job-1/") == [prefix + "job-1/x"]
    assert keys(objects, prefix + "nothing/") == []


def test_listing_starts_after_a_key_of_the_same_folder(objects: ObjectStore, prefix: str) -> None:
    """Whether there is such a key or not; folders beside it are not gone into."""
    for name in ("1", "2", "3", "3/x", "30"):
        objects.put(f"{prefix}o/{name.replace('3/', '4/')}", b"x")
    assert keys(objects, f"{prefix}o/", start_after=f"{prefix}o/1") == [
        f"{prefix}o/{name}" for name in ("2", "3", "30")
    ]
    assert keys(objects, f"{prefix}o/", start_after=f"{prefix}o/25") == [
        f"{prefix}o/{name}" for name in ("3", "30")
    ]
    with pytest.raises(ValueError, match="no key directly in the folder"):
        keys(objects, prefix, start_after=f"{prefix}o/1")


def test_folders_are_named_whatever_their_neighbours_are(objects: ObjectStore, prefix: str) -> None:
    """One whose name begins another's comes before it on one server, and behind it on the next."""
    for name in ("a/1", "a/b/2", "a-b/3", "a0/4", "ä ü/5", "file", "a.txt"):
        objects.put(prefix + name, b"x")
    assert sorted(objects.folders(prefix)) == ["a", "a-b", "a0", "ä ü"]
    assert list(objects.folders(f"{prefix}a/")) == ["b"]
    assert list(objects.folders(f"{prefix}nothing/")) == []


def test_albums_outcomes_are_found_from_any_chunk_on(objects: ObjectStore, prefix: str) -> None:
    """Each attempt lies in its chunk's folder, and a page of the album reads some of them."""
    tenant = prefix.replace("/", "")
    manifest = Manifest(store=objects, tenant=tenant, job="job")
    written = [(chunk, token) for chunk in (0, 1, 9, 10, 11, 19, 20, 100, 101) for token in (5, 12)]
    for chunk, token in written:
        outcome = PhotoOutcome(index=chunk, result=f"r{token}")
        manifest.write_outcomes(chunk, token, [outcome])
    for start, stop in ((0, None), (0, 1), (1, 2), (9, 11), (10, 20), (12, 19), (19, 102)):
        found = [(attempt.chunk, attempt.tokens) for attempt in manifest.attempts(start, stop)]
        chunks = [chunk for chunk, token in written if token == 5]
        assert found == [
            (chunk, (5, 12)) for chunk in chunks if start <= chunk < (stop or chunk + 1)
        ]


def test_listing_goes_beyond_a_page(objects: ObjectStore, prefix: str) -> None:
    """S3 answers a thousand keys at a time."""
    for number in range(1005):
        objects.put(f"{prefix}many/{number:04d}", b"")
    assert keys(objects, f"{prefix}many/") == [f"{prefix}many/{n:04d}" for n in range(1005)]
    after = keys(objects, f"{prefix}many/", start_after=f"{prefix}many/0003")
    assert after == [f"{prefix}many/{n:04d}" for n in range(4, 1005)]
    objects.delete_prefix(f"{prefix}many/")
    assert keys(objects, f"{prefix}many/") == []


def test_deleting_is_safe_to_repeat(objects: ObjectStore, prefix: str) -> None:
    objects.put(prefix + "a", b"1")
    objects.delete(prefix + "a")
    objects.delete(prefix + "a")
    objects.delete_prefix(prefix)
    with pytest.raises(ObjectMissing):
        objects.get(prefix + "a")


def test_deleting_a_prefix_spares_its_neighbours(objects: ObjectStore, prefix: str) -> None:
    for name in ["job-1/a", "job-1/b/c", "job-10/a"]:
        objects.put(prefix + name, b"")
    objects.delete_prefix(prefix + "job-1/")
    assert keys(objects, prefix) == [prefix + "job-10/a"]


def test_ping_of_a_store_that_is_there(objects: ObjectStore) -> None:
    objects.ping()


@pytest.mark.parametrize("kind", S3S)
def test_bucket_is_made_once(servers: Servers, kind: str) -> None:
    store = servers.s3(kind)
    store.ensure_bucket()
    store.ping()
