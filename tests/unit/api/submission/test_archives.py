"""ZIP files where photos may be: as uploads, in the bucket, on the command line."""

import io
import time
import zipfile
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner
from typing_extensions import Buffer
from werkzeug.test import TestResponse

from api.app import create_app
from api.archives.zip_directory import ArchiveDamaged, read_directory
from api.cli.main import app
from infra.errors import AlbumTooLarge
from infra.jobs.domain.model import PhotoEntry
from infra.jobs.manifest import Manifest
from infra.settings import Settings
from tests.fakes.services import STYLE, World
from tests.photos import HostileFile
from tests.unit.api.submission.test_multipart import BOUNDARY, body
from tests.zips import PHOTO, crowded, hostile_members, hostile_zips, zipped
from worker.fetch.zip_member import fetch_member

HOSTILE = hostile_zips()
#: Seconds in which a hostile archive must be answered.
PATIENCE = 2.0


def send(client: FlaskClient, *files: tuple[bytes, str]) -> TestResponse:
    form = body(("style", None, STYLE.encode()), *[("photos", name, data) for data, name in files])
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return client.post("/v1/jobs", data=form, content_type=kind)


def send_source(client: FlaskClient, **source: object) -> TestResponse:
    return client.post("/v1/jobs", json={"style": STYLE, "photos": source})


def album_of(world: World, response: TestResponse) -> dict[str, bytes]:
    """The bytes that the worker would fetch for each photo, by name."""
    assert response.status_code == 202, response.text
    job = response.get_json()
    manifest = Manifest(store=world.objects, tenant="default", job=job["id"])
    entries = manifest.photos(0, job["counts"]["total"])
    assert [entry.index for entry in entries] == list(range(job["counts"]["total"]))
    return {entry.name: fetched(world, entry) for entry in entries}


def fetched(world: World, entry: PhotoEntry) -> bytes:
    if entry.member is None:
        return world.objects.get(entry.key)
    return fetch_member(world.objects, entry.key, entry.member)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_of_an_uploaded_archive_are_photos_of_the_album(
    client: FlaskClient, world: World, method: int
) -> None:
    holiday = zipped({"holiday/a.jpg": b"first", "holiday/b/a.jpg": b"second" * 99}, method)
    response = send(client, (b"alone", "A.jpg"), (holiday, "holiday.zip"), (b"last", "z.png"))
    assert album_of(world, response) == {
        "A.jpg": b"alone",
        "a-2.jpg": b"first",
        "a-3.jpg": b"second" * 99,
        "z.png": b"last",
    }


def test_archive_is_known_by_its_bytes_and_not_by_its_name(
    client: FlaskClient, world: World
) -> None:
    response = send(client, (zipped({"a.jpg": b"inside"}), "lying.jpg"), (b"text", "lying.zip"))
    assert album_of(world, response) == {"a.jpg": b"inside", "lying.zip": b"text"}


def test_what_is_no_photo_is_passed_over_or_reported_later(
    client: FlaskClient, world: World
) -> None:
    """Folders and what file managers leave say nothing to anybody; a text may be a mistake."""
    files = {
        "./a.jpg": b"a",
        "folder/": b"",
        "__MACOSX/._a.jpg": b"x",
        ".DS_Store": b"x",
        ".hidden/b.jpg": b"x",
        "Thumbs.db": b"x",
        "b/@eaDir/IMG.jpg/SYNOPHOTO_THUMB_XL.jpg": b"x",
        "#Recycle/gone.jpg": b"x",
        "lost+found/1.jpg": b"x",
        "notes.txt": b"notes",
    }
    response = send(client, (zipped(files), "a.zip"))
    assert album_of(world, response) == {"a.jpg": b"a", "notes.txt": b"notes"}


def test_archive_made_by_a_pipe_has_its_sizes_behind_the_photos(
    client: FlaskClient, world: World
) -> None:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Buffer, /) -> int:
            piece = bytes(data)
            self.data += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("straße.jpg", b"stored")
        archive.writestr("b.jpg", b"packed" * 9, zipfile.ZIP_DEFLATED)
    response = send(client, (pipe.data, "a.zip"))
    assert album_of(world, response) == {"straße.jpg": b"stored", "b.jpg": b"packed" * 9}


def test_archives_in_the_bucket_are_named_by_key_or_found_below_a_prefix(
    client: FlaskClient, world: World
) -> None:
    world.objects.put("inbox/1.ZIP", zipped({"x/a.jpg": b"1"}))
    world.objects.put("inbox/a.jpg", b"2")
    expected = {"a.jpg": b"1", "a-2.jpg": b"2"}
    keys = ["inbox/1.ZIP", "inbox/a.jpg"]
    assert album_of(world, send_source(client, keys=keys)) == expected
    assert album_of(world, send_source(client, prefix="inbox/")) == expected


def test_clutter_below_a_prefix_is_passed_over(client: FlaskClient, world: World) -> None:
    keys = ("IMG.jpg", "@eaDir/IMG.jpg/THUMB.jpg", "#recycle/b.jpg", "Thumbs.db", "c/.d.jpg")
    for key in keys:
        world.objects.put(f"inbox/{key}", b"x")
    assert album_of(world, send_source(client, prefix="inbox/")) == {"IMG.jpg": b"x"}
    assert album_of(world, send_source(client, prefix="inbox/IMG")) == {"IMG.jpg": b"x"}
    response = send_source(client, prefix="inbox/#")
    assert (response.status_code, "inbox/#" in response.get_json()["detail"]) == (422, True)


def test_archive_that_is_not_there_is_reported_at_once(client: FlaskClient, world: World) -> None:
    response = send_source(client, keys=["inbox/a.zip"])
    assert response.status_code == 422
    assert "inbox/a.zip" in response.get_json()["detail"]


def test_archive_that_is_not_handed_out_is_reported_at_once(
    client: FlaskClient, world: World
) -> None:
    world.objects.refused.add("inbox/a.zip")
    response = send_source(client, keys=["inbox/a.zip"])
    assert response.status_code == 422
    assert "inbox/a.zip" in response.get_json()["detail"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("way", ["upload", "key"])
def test_hostile_archive_is_answered_with_its_reason_and_nothing_stays(
    client: FlaskClient, world: World, name: str, way: str
) -> None:
    hostile: HostileFile = HOSTILE[name]
    if way == "key":
        world.objects.put("inbox/a.zip", hostile.data)
    before = dict(world.objects.objects)
    began = time.process_time()
    if way == "key":
        response = send_source(client, keys=["inbox/a.zip"])
    else:
        response = send(client, (hostile.data, name))
    assert time.process_time() - began < PATIENCE
    assert 400 <= response.status_code < 500
    assert response.get_json()["type"] == f"urn:impasto:problem:{hostile.reason}"
    if hostile.reason != "invalid-request":  # that is of the album, which has no photos
        called = "inbox/a.zip" if way == "key" else name
        assert response.get_json()["detail"].startswith(f"{called}:")
    assert world.objects.objects == before
    assert world.records.open_jobs() == []


@pytest.mark.parametrize("way", ["upload", "keys", "prefix"])
def test_damaged_archive_is_an_item_of_its_album_and_all_others_are_photos(
    client: FlaskClient, world: World, way: str
) -> None:
    cut, whole = zipped({"x.jpg": PHOTO})[:-9], zipped({"y.jpg": PHOTO})
    world.objects.put("inbox/a.zip", cut)
    world.objects.put("inbox/b.jpg", PHOTO)
    world.objects.put("inbox/c.zip", whole)
    if way == "upload":
        response = send(client, (cut, "a.zip"), (PHOTO, "b.jpg"), (whole, "c.zip"))
    elif way == "keys":
        response = send_source(client, keys=["inbox/a.zip", "inbox/b.jpg", "inbox/c.zip"])
    else:
        response = send_source(client, prefix="inbox/")
    assert response.status_code == 202, response.text
    manifest = Manifest(store=world.objects, tenant="default", job=response.get_json()["id"])
    damaged, *photos = manifest.photos(0, 3)
    assert damaged.fault is not None
    assert damaged.fault.type == "archive-damaged"
    assert "a.zip: " in damaged.fault.detail
    assert [(photo.name, photo.fault) for photo in photos] == [("b.jpg", None), ("y.jpg", None)]


def test_album_of_damaged_archives_alone_is_refused(client: FlaskClient, world: World) -> None:
    cut = zipped({"x.jpg": PHOTO})[:-9]
    before = dict(world.objects.objects)
    response = send(client, (cut, "a.zip"), (cut, "b.zip"))
    assert response.status_code == 400
    assert response.get_json()["detail"].startswith("a.zip:")
    assert world.objects.objects == before


@pytest.mark.parametrize("name", hostile_members())
def test_archive_with_one_bad_photo_is_taken(client: FlaskClient, name: str) -> None:
    """Its photo fails alone; see the worker's tests."""
    assert send(client, (hostile_members()[name].data, name)).status_code == 202


def test_limits_on_archives_are_those_of_the_settings() -> None:
    settings = Settings(max_archive_bytes=2000, max_photo_bytes=500, max_album_photos=3)
    world = World(settings=settings)
    client = create_app(world.services()).test_client()
    stored = zipfile.ZIP_STORED
    for files in (
        {"a.jpg": b"x" * 501},
        {f"{n}.jpg": b"x" * 499 for n in range(3)} | {"empty": b"", "and": b""},
        dict.fromkeys("abcd", b""),
        {name: b"x" * 490 for name in ("a" * 300, "b" * 300, "c" * 300)},
    ):
        response = send(client, (zipped(files, stored), "a.zip"))
        assert response.status_code == 413
        assert response.get_json()["type"] == "urn:impasto:problem:album-too-large"
        assert "a.zip" in response.get_json()["detail"]
    pair = (zipped({"a": b"1", "b": b"2"}), "a.zip")
    assert send(client, pair, (b"3", "c")).status_code == 202
    assert send(client, pair, (b"3", "c"), (b"4", "d")).status_code == 413
    assert send(client, (b"3", "c"), pair, (b"4", "d")).status_code == 413


def test_directory_of_an_archive_in_64_bits_is_read() -> None:
    data = crowded(70_000)
    entries = read_directory(lambda a, b: data[a:b], len(data), max_entries=100_000).entries
    assert len(entries) == 70_000
    assert entries[-1].name == "a"


def test_as_many_entries_as_16_bits_can_count_are_read_without_64() -> None:
    data = zipped(dict.fromkeys(map(str, range(65_535)), b""), zipfile.ZIP_STORED)
    entries = read_directory(lambda a, b: data[a:b], len(data), max_entries=100_000).entries
    assert [entry.name for entry in entries[::65_534]] == ["0", "65534"]


@given(at=st.integers(0, 600), noise=st.binary(min_size=1, max_size=12), cut=st.integers(0, 20))
def test_noise_in_an_archive_ends_in_a_directory_or_a_known_error(
    at: int, noise: bytes, cut: int
) -> None:
    good = zipped({"a.jpg": b"first", "b/c.jpg": b"second" * 99, "d": b""})
    data = good[:at] + noise + good[at + len(noise) : len(good) - cut]
    try:
        entries = read_directory(lambda a, b: data[a:b], len(data), max_entries=100).entries
    except (ArchiveDamaged, AlbumTooLarge):
        return
    assert all(0 <= entry.start < entry.stop <= len(data) for entry in entries)


def test_command_line_takes_an_archive(service: str, tmp_path: Path) -> None:
    path, out = tmp_path / "album.zip", tmp_path / "out"
    path.write_bytes(zipped({"a.jpg": PHOTO, "b/a.jpg": PHOTO}))
    command = ["stylize", str(path), "--style", STYLE, "--out", str(out), "--url", service]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    found = sorted(file.relative_to(out).as_posix() for file in out.rglob("*.jpg"))
    assert found == ["album/a.jpg", "album/b/a.jpg"]
    assert "a-2.jpg" in result.stdout
    assert "album.zip" not in result.stdout
