"""Results over HTTP: single files, and the zip."""

import io
import zipfile

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.responses.results_zip import MAX_LISTED, Archive, Member
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome
from infra.storage.port import ObjectInfo
from tests.fakes.services import STYLE, World
from tests.fakes.storage import MemoryStore
from tests.unit.api.requests import photos, slug


def finished(client: FlaskClient, world: World, *names: str) -> str:
    """Send an album, work it, and return its address."""
    data = {"style": STYLE, "photos": photos(*names)}
    address = client.post("/v1/jobs", data=data).headers["Location"]
    world.work(world.paint)
    return address


def test_result_comes_in_the_photos_name_and_type(client: FlaskClient, world: World) -> None:
    address = finished(client, world, "Übung 1.jpg")
    response = client.get(f"{address}/results/0")
    assert response.data == "painted Übung 1.jpg".encode()
    assert response.content_type == "image/jpeg"
    assert response.content_length == len(response.data)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == (
        "inline; filename=\"_bung 1.jpg\"; filename*=UTF-8''%C3%9Cbung%201.jpg"
    )


def test_result_that_the_client_has_is_not_sent_again(client: FlaskClient, world: World) -> None:
    address = finished(client, world, "a.jpg")
    tag = client.get(f"{address}/results/0").headers["ETag"]
    again = client.get(f"{address}/results/0", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_result_is_sent_only_where_it_is_the_one_asked_for(
    client: FlaskClient, world: World
) -> None:
    address = f"{finished(client, world, 'a.jpg')}/results/0"
    tag = client.get(address).headers["ETag"]
    assert client.get(address, headers={"If-Match": tag}).data == b"painted a.jpg"
    for method in ("GET", "HEAD"):
        response = client.open(address, method=method, headers={"If-Match": '"zz"'})
        assert response.status_code == 412
        assert response.content_type == "application/problem+json"
    assert slug(client.get(address, headers={"If-Match": '"zz"'}), 412) == "precondition-failed"


def test_head_of_a_result_opens_no_object(client: FlaskClient, world: World) -> None:
    address = finished(client, world, "a.jpg")
    response = client.head(f"{address}/results/0")
    assert (response.status_code, response.data) == (200, b"")
    assert response.content_length == len(b"painted a.jpg")


@pytest.mark.parametrize("index", ["1", "999999999999999999999"])
def test_result_of_no_photo_is_missing(client: FlaskClient, world: World, index: str) -> None:
    address = finished(client, world, "a.jpg")
    assert slug(client.get(f"{address}/results/{index}"), 404) == "result-missing"


def test_result_that_was_removed_is_missing(client: FlaskClient, world: World) -> None:
    address = finished(client, world, "a.jpg")
    world.objects.delete_prefix(f"tenants/default{address.removeprefix('/v1')}/results/")
    assert slug(client.get(f"{address}/results/0"), 404) == "result-missing"


def test_result_that_is_removed_while_it_is_looked_up_is_missing() -> None:
    class Fleeting(MemoryStore):
        def head(self, key: str) -> ObjectInfo:
            info = super().head(key)
            self.delete(key)
            return info

    world = World(objects=Fleeting())
    client = create_app(world.services()).test_client()
    address = finished(client, world, "a.jpg")
    assert slug(client.get(f"{address}/results/0"), 404) == "result-missing"


def test_result_of_a_running_job_is_not_there_yet(client: FlaskClient) -> None:
    job = client.post("/v1/jobs", data={"style": STYLE, "photos": photos("a.jpg")}).get_json()
    assert slug(client.get(f"{job['links']['self']}/results/0"), 404) == "result-missing"
    assert slug(client.get(job["links"]["results_zip"]), 409) == "job-not-finished"


def test_zip_holds_every_result_once_under_its_own_name(client: FlaskClient, world: World) -> None:
    data = {"style": STYLE, "photos": photos("a.jpg", "é.jpg", "A.jpg")}
    address = client.post("/v1/jobs", data=data).headers["Location"]

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        # As where a.gif and a.png both come back as a.png.
        renamed = "a.jpg" if photo.index == 2 else photo.name
        return world.paint(spec, photo).model_copy(update={"result_name": renamed})

    world.work(paint)
    response = client.get(f"{address}/results.zip")
    archive = zipfile.ZipFile(io.BytesIO(response.data))
    assert archive.testzip() is None
    assert archive.namelist() == ["a.jpg", "é.jpg", "a-2.jpg"]
    assert archive.read("é.jpg") == "painted é.jpg".encode()
    assert response.content_length == len(response.data)


def test_zip_too_long_to_list_beforehand_is_streamed_all_the_same() -> None:
    objects = MemoryStore()
    members = [Member(name=f"{n}.jpg", key=str(n), size=1) for n in range(3)]
    for member in members:
        objects.put(member.key, b"x")
    archive = Archive(objects, iter(members), count=MAX_LISTED + 1)
    body = b"".join(archive.stream())
    assert archive.size is None
    assert zipfile.ZipFile(io.BytesIO(body)).namelist() == ["0.jpg", "1.jpg", "2.jpg"]


def test_zip_opens_an_object_only_when_its_turn_comes() -> None:
    opened: list[str] = []

    class Watching(MemoryStore):
        def stream(self, key: str, *, chunk_bytes: int = 1 << 20):  # noqa: ANN202
            opened.append(key)
            return super().stream(key, chunk_bytes=chunk_bytes)

    objects = Watching()
    objects.put("1", b"one")
    objects.put("2", b"two")
    members = [Member(name=key, key=key, size=3) for key in ("1", "2")]
    pieces = Archive(objects, members, count=2).stream()
    while b"one" not in next(pieces):
        pass
    assert opened == ["1"]


def test_zip_of_a_large_album_needs_no_request_context(world: World) -> None:
    """The members of a long zip are looked up while it is sent, after the view has returned."""
    client = create_app(world.services()).test_client()
    address = finished(client, world, *(f"{number}.jpg" for number in range(3)))
    response = client.get(f"{address}/results.zip", buffered=False)
    assert len(zipfile.ZipFile(io.BytesIO(response.data)).namelist()) == 3
