"""Albums out of ZIP files: every member is an item or is told, and one bad one never stops them."""

import io
import zipfile
import zlib
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from infra.jobs.domain.model import PhotoEntry
from infra.jobs.manifest import Manifest
from infra.settings import Settings
from tests.fakes.services import World
from tests.photos import encoded, scene
from tests.unit.api.submission.test_archives import fetched, send, send_source
from tests.zips import PHOTO, Entry, archive, bomb, zipped

#: What unpacks to more than a thousand times its size, and yet is a page of six megabytes.
WHITE = b"BM" + b"\xff" * 6_500_000


LARGE = Entry(packed=bytes(800_000), method=8, size=140 * 2**20)


def entries_of(world: World, job: str) -> list[PhotoEntry]:
    total = len(world.objects.get(f"tenants/default/jobs/{job}/photos/00000.jsonl").splitlines())
    return Manifest(store=world.objects, tenant="default", job=job).photos(0, total)


def deflated(name: str, data: bytes) -> Entry:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    return Entry(name=name.encode(), packed=packed, size=len(data), crc=zlib.crc32(data), method=8)


@pytest.mark.parametrize("page", [WHITE, bytes(31 * 1024 * 1024), b"II*\0" + bytes(4_000_000)])
def test_blank_page_is_a_photo_as_any_other(client: FlaskClient, world: World, page: bytes) -> None:
    response = send(client, (zipped({"photo.jpg": PHOTO, "page.bmp": page}), "scans.zip"))
    assert response.status_code == 202, response.text
    entries = entries_of(world, response.get_json()["id"])
    assert [fetched(world, entry) for entry in entries] == [PHOTO, page]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (deflated("bad.jpg", bytes(100_000_000)), "times its size"),
        (Entry(name=b"bad.jpg", mode=0o120777), "link or a device"),
        (Entry(name=b"bad.jpg", flags=1), "encrypted"),
        (Entry(name=b"bad.jpg", method=14), "in another way than Deflate"),
        (replace(LARGE, name=b"bad.jpg"), "more than 134217728 bytes"),
    ],
)
def test_member_that_cannot_be_fetched_fails_alone(
    client: FlaskClient, world: World, bad: Entry, said: str
) -> None:
    response = send(client, (archive(bad, replace(Entry(), name=b"good.jpg")), "a.zip"))
    assert response.status_code == 202, response.text
    failing, good = entries_of(world, response.get_json()["id"])
    assert failing.fault is not None
    assert said in failing.fault.detail
    assert "a.zip" in failing.fault.detail
    assert "bad.jpg" in failing.fault.detail
    assert (good.name, good.fault) == ("good.jpg", None)


def test_archive_of_a_bomb_does_not_stop_the_photos_beside_it(
    client: FlaskClient, world: World
) -> None:
    response = send(client, (bomb(), "bomb.zip"), (PHOTO, "b.jpg"))
    entries = entries_of(world, response.get_json()["id"])
    assert [entry.fault is None for entry in entries] == [False, True]


def test_films_and_sidecars_are_reported_in_one_line(client: FlaskClient, world: World) -> None:
    live = {"IMG_1.HEIC": b"photo", "IMG_1.MOV": b"film", "IMG_1.HEIC.json": b"{}"}
    response = send(client, (zipped({**live, "Thumbs.db": b"x", "._a.jpg": b"x"}), "phone.zip"))
    job = response.get_json()
    assert [entry.name for entry in entries_of(world, job["id"])] == ["IMG_1.HEIC"]
    assert job["note"] == (
        "Passed over: 4 files that are no photo, phone.zip/IMG_1.MOV, phone.zip/IMG_1.HEIC.json, "
        "phone.zip/Thumbs.db, phone.zip/._a.jpg."
    )


def test_many_others_are_counted_and_none_is_a_note_less(client: FlaskClient, world: World) -> None:
    for number in range(7):
        world.objects.put(f"inbox/{number}.mp4", b"x")
    world.objects.put("inbox/a.jpg", b"x")
    note = send_source(client, prefix="inbox/").get_json()["note"]
    assert note.startswith("Passed over: 7 files that are no photo, inbox/0.mp4, ")
    assert note.endswith("inbox/4.mp4 and 2 more.")
    assert send_source(client, keys=["inbox/a.jpg"]).get_json()["note"] is None


def test_album_of_films_alone_is_refused_and_says_so(client: FlaskClient) -> None:
    response = send(client, (zipped({"a.mov": b"x"}), "a.zip"))
    assert response.status_code == 422
    assert "a.zip/a.mov" in response.get_json()["detail"]


def test_archives_come_back_as_folders_of_their_names(client: FlaskClient, world: World) -> None:
    holiday = zipped({"a.jpg": b"1", "day 1/a.jpg": b"2", "day 1/c.jpg": b"3"})
    response = send(client, (holiday, "trip/Holiday.ZIP"), (b"4", "a.jpg"), (b"5", "sub/a.jpg"))
    address = response.headers["Location"]
    items = client.get(f"{address}/items").get_json()["items"]
    assert [item["source"] for item in items] == [
        "trip/Holiday.ZIP/a.jpg",
        "trip/Holiday.ZIP/day 1/a.jpg",
        "trip/Holiday.ZIP/day 1/c.jpg",
        "a.jpg",
        "sub/a.jpg",
    ]
    world.work(world.paint)
    items = client.get(f"{address}/items").get_json()["items"]
    places = ["trip/Holiday/a.jpg", "trip/Holiday/day 1/a.jpg", "trip/Holiday/day 1/c.jpg"]
    places += ["a.jpg", "sub/a.jpg"]
    assert [item["result_path"] for item in items] == places
    assert len({item["result_name"] for item in items}) == 5
    data = client.get(f"{address}/results.zip").data
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == places


def test_photos_in_the_bucket_come_back_below_the_folder_that_they_share(
    client: FlaskClient, world: World
) -> None:
    for key in ("inbox/a/1.jpg", "inbox/b/1.jpg", "inbox/b/c.zip"):
        world.objects.put(key, zipped({"2.jpg": PHOTO}) if key.endswith("zip") else PHOTO)
    expected = ["a/1.jpg", "b/1.jpg", "b/c/2.jpg"]
    keys = ["inbox/a/1.jpg", "inbox/b/1.jpg", "inbox/b/c.zip"]
    for source in ({"prefix": "inbox/"}, {"keys": keys}):
        address = send_source(client, **source).headers["Location"]
        world.work(world.paint)
        items = client.get(f"{address}/items").get_json()["items"]
        assert [item["result_path"] for item in items] == expected
        assert [item["source"] for item in items] == [*keys[:2], "inbox/b/c.zip/2.jpg"]


def test_names_as_archivers_write_them_become_items(client: FlaskClient, world: World) -> None:
    """As the programs of Windows in Japan, and the Finder, do."""
    kana, photo = (encoded(scene(), kind) for kind in ("JPEG", "PNG"))
    raw = {"ソ.jpg".encode("cp932"): kana, "写真.jpg".encode("cp932"): photo}
    windows = archive(
        *(
            Entry(name=name, packed=data, size=len(data), crc=zlib.crc32(data), system=0)
            for name, data in raw.items()
        )
    )
    mac = archive(Entry(name="été.jpg".encode()), Entry(name="東京.jpg".encode()))
    response = send(client, (windows, "a.zip"), (mac, "b.zip"))
    entries = entries_of(world, response.get_json()["id"])
    assert [entry.name for entry in entries] == ["ソ.jpg", "写真.jpg", "été.jpg", "東京.jpg"]
    assert [fetched(world, entry) for entry in entries] == [kana, photo, PHOTO, PHOTO]


def test_clutter_of_an_archive_counts_for_nothing() -> None:
    """The limit is on photos: a takeout has a sidecar for each, a NAS box five thumbnails."""
    small = World(settings=Settings(max_album_photos=3))
    photos = {f"{number}.jpg": PHOTO for number in range(3)}
    clutter = {f"@eaDir/{n}.jpg/SYNO_{m}.jpg": b"x" for n in range(900) for m in range(3)}
    folders = {f"{number}/": b"" for number in range(100)}
    client = create_app(small.services()).test_client()
    response = send(client, (zipped({**clutter, **folders, **photos}), "nas.zip"))
    assert response.status_code == 202, response.text
    assert [entry.name for entry in entries_of(small, response.get_json()["id"])] == list(photos)
    note = response.get_json()["note"]
    assert note.startswith("Passed over: 2700 files that are no photo, nas.zip/@eaDir/0.jpg/SYNO_0")
    assert note.endswith("and 2695 more.")


@pytest.mark.parametrize("kind", ["photo", "archive", "deceiving"])
def test_file_that_is_too_large_fails_alone(kind: str) -> None:
    """Whoever sends with curl learns of it from the item; the others are painted."""
    world = World(settings=Settings(max_photo_bytes=9_000, max_archive_bytes=20_000))
    client = create_app(world.services()).test_client()
    large = zipped({"a.bin": bytes(30_000)}, zipfile.ZIP_STORED)
    data, reason = {
        "photo": (bytes(9_001), "photo-too-many-bytes"),
        "archive": (large, "photo-too-many-bytes"),
        "deceiving": (archive(Entry(name=b"../a.jpg")), "archive-refused"),
    }[kind]
    response = send(client, (PHOTO, "a.jpg"), (data, "b/large.mp4"), (PHOTO, "c.jpg"))
    assert response.status_code == 202, response.text
    first, failing, last = entries_of(world, response.get_json()["id"])
    assert failing.fault is not None
    assert failing.fault.type == reason
    assert "large.mp4" in failing.fault.detail
    assert failing.source == "b/large.mp4"
    assert [entry.fault for entry in (first, last)] == [None, None]
    assert [fetched(world, entry) for entry in (first, last)] == [PHOTO, PHOTO]
    alone = send(client, (data, "large.mp4"))
    assert alone.status_code == (422 if kind == "deceiving" else 413)
