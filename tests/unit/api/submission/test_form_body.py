"""Albums that come as a form: their fields, their photos, and what a refusal leaves behind."""

import io
import resource
from collections.abc import Iterator
from typing import BinaryIO

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.problems import InvalidFields
from api.submission.form_body import submit_upload
from api.submission.multipart import SPOOL_BYTES, FilePart, TextPart
from infra.errors import InvalidRequest, ServiceUnavailable, StyleMissing
from infra.jobs.maintenance.recovery import SUBMISSION_SECONDS
from infra.settings import Settings
from tests.fakes.services import STYLE, World
from tests.fakes.storage import MemoryStore
from tests.unit.api.requests import photos, problem, send, slug


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"strength": "2"}, "/strength"),
        ({"strength": "nan"}, "/strength"),
        ({"stroke": "bold"}, "/stroke"),
        ({"format": "tiff"}, "/format"),
        ({"kind": "paint"}, "/kind"),
        ({"stile": "x"}, "/stile"),
        ({"style": ""}, "/style"),
    ],
)
def test_wrong_field_of_an_upload_is_named(
    client: FlaskClient, world: World, fields: dict[str, str], pointer: str
) -> None:
    before = set(world.objects.objects)
    details = problem(send(client, photos("a.jpg"), **fields), 422)
    assert [error["pointer"] for error in details["errors"]] == [pointer]
    assert set(world.objects.objects) == before


def test_unknown_style_is_refused_before_a_photo_is_stored(world: World) -> None:
    class Refusing(MemoryStore):
        def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
            assert "uploads" not in key
            super().put(key, body, content_type=content_type)

    world = World(objects=Refusing())
    client = create_app(world.services()).test_client()
    assert slug(send(client, photos("a.jpg"), style="cubism"), 422) == "style-missing"


def test_upload_without_photos_says_how_to_send_them(client: FlaskClient) -> None:
    assert "`photos`" in problem(send(client, []), 422)["detail"]


def test_form_sent_without_choosing_a_file_has_no_photos(client: FlaskClient) -> None:
    assert slug(send(client, [(io.BytesIO(), "")]), 422) == "invalid-request"


def test_empty_photo_is_an_item_that_can_fail_by_itself(client: FlaskClient) -> None:
    assert send(client, [(io.BytesIO(), "empty.jpg")]).status_code == 202


def test_file_in_another_field_is_refused(client: FlaskClient) -> None:
    response = client.post("/v1/jobs", data={"style": STYLE, "photo": photos("a.jpg")})
    assert problem(response, 422)["errors"][0]["pointer"] == "/photo"


def test_photos_as_text_are_refused(client: FlaskClient) -> None:
    data = {"style": STYLE, "photos": "a.jpg"}
    response = client.post("/v1/jobs", data=data, content_type="multipart/form-data")
    assert "must be a file" in problem(response, 422)["detail"]


@pytest.mark.parametrize("limit", [{"max_album_photos": 1}, {"max_photo_bytes": 4}])
def test_album_beyond_the_limits_leaves_nothing_behind(limit: dict[str, int]) -> None:
    world = World(settings=Settings.model_validate(limit))
    before = set(world.objects.objects)
    client = create_app(world.services()).test_client()
    assert slug(send(client, photos("a.jpg", "b.jpg")), 413) == "album-too-large"
    assert set(world.objects.objects) == before


def test_storage_that_fails_midway_leaves_nothing_behind() -> None:
    class Failing(MemoryStore):
        def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
            if key.endswith("b.jpg"):
                raise ServiceUnavailable("S3 cannot be reached.")
            super().put(key, body, content_type=content_type)

    world = World(objects=Failing())
    before = set(world.objects.objects)
    client = create_app(world.services()).test_client()
    response = send(client, photos("a.jpg", "b.jpg"))
    assert slug(response, 503) == "service-unavailable"
    assert response.headers["Retry-After"]
    assert set(world.objects.objects) == before


def test_redis_that_is_down_is_a_problem_and_leaves_nothing_behind(
    client: FlaskClient, world: World
) -> None:
    before = set(world.objects.objects)
    world.records.down = True
    assert slug(send(client, photos("a.jpg")), 503) == "service-unavailable"
    world.records.down = False
    assert {key for key in world.objects.objects if "uploads" in key} == before - before


def test_upload_that_takes_too_long_is_ended_and_leaves_nothing_behind(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper clears it away after a while; what comes later would stay for good."""
    put, before = world.objects.put, set(world.objects.objects)
    uploads: list[str] = []

    def slow(key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
        put(key, body, content_type=content_type)
        if "/uploads/" in key:
            uploads.append(key)
            world.clock.advance(SUBMISSION_SECONDS - 1)

    monkeypatch.setattr(world.objects, "put", slow)
    response = send(client, photos("a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    assert slug(response, 422) == "invalid-request"
    assert len(uploads) == 2
    assert set(world.objects.objects) == before


def test_body_that_breaks_off_leaves_nothing_behind(client: FlaskClient, world: World) -> None:
    before = set(world.objects.objects)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="photos"; filename="1.jpg"\r\n\r\n1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="photos"; filename="2.jpg"\r\n\r\nhal'
    )
    response = client.post("/v1/jobs", data=body, content_type="multipart/form-data; boundary=x")
    assert slug(response, 400) == "malformed-request"
    assert set(world.objects.objects) == before


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond a megabyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_is_full_is_a_problem_and_leaves_nothing_behind(
    full_disk: None, client: FlaskClient, world: World
) -> None:
    """The first photo lies in the bucket already; the second is too large to stay in memory."""
    before = set(world.objects.objects)
    head = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n\r\n'
    body = b"\r\n".join([head + b"small", head + bytes(SPOOL_BYTES + 1), b"--x--\r\n"])
    response = client.post("/v1/jobs", data=body, content_type="multipart/form-data; boundary=x")
    details = problem(response, 503)
    assert details["type"] == "urn:impasto:problem:service-unavailable"
    assert "disk" in details["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert set(world.objects.objects) == before


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("framing", [{"wsgi.input_terminated": True}, {"CONTENT_LENGTH": "9"}])
def test_body_that_cannot_be_read_is_malformed(
    client: FlaskClient, kind: str, framing: dict[str, object]
) -> None:
    """That is how the server tells of a connection that broke, or a damaged chunk."""

    class Broken:
        def read(self, size: int, /) -> bytes:
            raise ConnectionResetError

    environ = {"wsgi.input": Broken(), **framing}
    response = client.post("/v1/jobs", content_type=kind, environ_overrides=environ)
    assert slug(response, 400) == "malformed-request"


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary*=UTF-8''%E2%98%83"])
def test_form_data_without_a_usable_boundary_is_refused(client: FlaskClient, boundary: str) -> None:
    kind = f"multipart/form-data{boundary}"
    assert slug(client.post("/v1/jobs", data=b"x", content_type=kind), 400) == "malformed-request"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_bodies_are_refused(client: FlaskClient, kind: str) -> None:
    response = client.post("/v1/jobs", data=b"style=x", content_type=kind)
    assert slug(response, 415) == "unsupported-media-type"


@pytest.mark.parametrize("value", ["1", "1" * 70_000])
def test_long_name_of_a_form_field_comes_back_cut(client: FlaskClient, value: str) -> None:
    response = send(client, photos("a.jpg"), **{"x" * 10_000: value})
    assert response.status_code in (400, 422)
    assert len(response.data) < 1000


@pytest.mark.parametrize("again", ["unknown", "strength"])
def test_field_that_no_form_keeps_is_refused_before_the_next_is_read(
    world: World, again: str
) -> None:
    """Kept until the end, a form of text fields would be as large in memory as it was sent."""

    def parts() -> Iterator[TextPart | FilePart]:
        yield TextPart("strength", "1")
        yield TextPart(again, "x" * 60_000)
        pytest.fail("was read on")

    with pytest.raises(InvalidFields) as caught:
        submit_upload(parts(), services=world.services(), tenant="default")
    assert [error.pointer for error in caught.value.errors] == [f"/{again}"]


@pytest.mark.parametrize("name", ["style", "strength"])
def test_mistake_in_a_field_is_reported_before_a_photo_is_read(world: World, name: str) -> None:
    """Whoever sends gigabytes learns of a misspelt style at their beginning."""

    def parts() -> Iterator[TextPart | FilePart]:
        yield TextPart("style", STYLE if name == "strength" else "cubism")
        yield TextPart("strength", "7" if name == "strength" else "1")
        pytest.fail("was read on")

    with pytest.raises((InvalidRequest, StyleMissing)):
        submit_upload(parts(), services=world.services(), tenant="default")
