"""Jobs over HTTP, from submission to the end."""

import io
import resource
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from werkzeug.test import TestResponse

from api.app import create_app
from api.problems import InvalidFields
from api.submission.form_body import submit_upload
from api.submission.multipart import SPOOL_BYTES, FilePart, TextPart
from infra import layout
from infra.errors import InvalidRequest, ServiceUnavailable, StyleMissing
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome, Problem
from infra.jobs.maintenance.recovery import SUBMISSION_SECONDS
from infra.settings import Settings
from tests.fakes.services import STYLE, World
from tests.fakes.storage import MemoryStore

Photo = tuple[io.BytesIO, str]


def photos(*names: str) -> list[Photo]:
    return [(io.BytesIO(name.encode()), name) for name in names]


def send(client: FlaskClient, album: Sequence[Photo], **fields: str) -> TestResponse:
    data = {"style": STYLE, **fields, "photos": list(album)}
    return client.post("/v1/jobs", data=data, content_type="multipart/form-data")


def send_keys(client: FlaskClient, source: Mapping[str, Any], **album: object) -> TestResponse:
    return client.post("/v1/jobs", json={"style": STYLE, "photos": source, **album})


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Check that a response is a whole problem detail, and return it."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    details = response.get_json()
    assert set(details) >= {"type", "title", "status", "detail", "instance"}
    assert details["status"] == status
    return details


def slug(response: TestResponse, status: int) -> str:
    return problem(response, status)["type"].removeprefix("urn:impasto:problem:")


def test_uploaded_album_is_answered_at_once_with_a_job(client: FlaskClient, world: World) -> None:
    response = send(client, photos("a.jpg", "b.png"), strength="0.5", stroke="proportional")
    job = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued"
    assert (job["strength"], job["stroke"]) == (0.5, "proportional")
    assert job["counts"] == {"total": 2, "done": 0, "failed": 0}
    assert world.notifier.messages == [(job["id"], 0)]


def test_uploads_lie_below_the_job_as_they_were_sent(client: FlaskClient, world: World) -> None:
    job = send(client, photos("a.jpg", "dir/../A.JPG")).get_json()["id"]
    first, second = (
        layout.upload("default", job, index, name)
        for index, name in enumerate(("a.jpg", "A-2.JPG"))
    )
    assert world.objects.get(first) == b"a.jpg"
    assert world.objects.get(second) == b"dir/../A.JPG"


def test_fields_may_come_after_the_photos(client: FlaskClient) -> None:
    response = client.post("/v1/jobs", data={"photos": photos("a.jpg"), "style": STYLE})
    assert response.status_code == 202


def test_job_shows_its_photos_one_by_one(client: FlaskClient, world: World) -> None:
    job = send(client, photos("good.jpg", "bad.jpg")).get_json()

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        if photo.name == "bad.jpg":
            error = Problem(type="truncated-photo", detail="The photo ends early.")
            return PhotoOutcome(index=photo.index, error=error)
        return world.paint(spec, photo)

    world.work(paint)
    after = client.get(job["links"]["self"]).get_json()
    assert (after["state"], after["progress"]) == ("succeeded", 1.0)
    assert after["counts"] == {"total": 2, "done": 1, "failed": 1}
    good, bad = client.get(job["links"]["items"]).get_json()["items"]
    assert good["result"] == f"{job['links']['self']}/results/0"
    assert (good["width"], good["height"], good["error"]) == (4, 3, None)
    assert (bad["state"], bad["result"]) == ("failed", None)
    assert bad["error"] == {"type": "truncated-photo", "detail": "The photo ends early."}


def test_items_come_in_pages(client: FlaskClient) -> None:
    job = send(client, photos("0.jpg", "1.jpg", "2.jpg")).get_json()
    first = client.get(f"{job['links']['items']}?limit=2").get_json()
    second = client.get(first["next"]).get_json()
    assert [item["index"] for item in first["items"] + second["items"]] == [0, 1, 2]
    assert (first["total"], second["next"]) == (3, None)


def test_jobs_are_listed_newest_first_in_pages(client: FlaskClient, world: World) -> None:
    sent: list[str] = []
    for _ in range(3):
        world.clock.advance(1)
        sent.append(send(client, photos("a.jpg")).get_json()["id"])
    first = client.get("/v1/jobs?limit=2").get_json()
    second = client.get(first["next"]).get_json()
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == sent[::-1]


def test_job_can_be_cancelled(client: FlaskClient) -> None:
    job = send(client, photos("a.jpg")).get_json()
    assert client.post(job["links"]["cancel"]).get_json()["state"] == "cancelled"


@pytest.mark.parametrize("job", ["nope", "0" * 26, "%2e%2e"])
def test_unknown_job_is_a_problem(client: FlaskClient, job: str) -> None:
    assert slug(client.get(f"/v1/jobs/{job}"), 404) == "job-missing"


def test_damaged_job_is_a_problem_of_those_who_ask_for_it(
    client: FlaskClient, world: World
) -> None:
    whole, broken = (send(client, photos("a.jpg")).get_json() for _ in range(2))
    world.objects.put(layout.job_spec("default", broken["id"]), b"{")
    world.records.remove(broken["id"])
    assert slug(client.get(broken["links"]["self"]), 500) == "job-unreadable"
    assert [job["id"] for job in client.get("/v1/jobs").get_json()["jobs"]] == [whole["id"]]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"strength": "2"}, "/strength"),
        ({"strength": "nan"}, "/strength"),
        ({"stroke": "bold"}, "/stroke"),
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


@pytest.mark.parametrize("key", ["x" * 1025, "é" * 513, "😀" * 257, "\ud800.jpg"])
def test_key_that_s3_cannot_hold_is_refused(client: FlaskClient, key: str) -> None:
    """Counted in bytes, as S3 counts; half a character cannot be written in UTF-8 at all."""
    for source in ({"keys": [key]}, {"prefix": key}):
        details = problem(send_keys(client, source), 422)
        assert details["type"].endswith(":invalid-request")
        assert details["errors"], "not looked for in S3"


@pytest.mark.parametrize("key", ["x" * 1024, "é" * 512, "😀" * 256])
def test_key_may_be_as_long_as_s3_takes(client: FlaskClient, key: str) -> None:
    assert send_keys(client, {"keys": [key]}).status_code == 202


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary*=UTF-8''%E2%98%83"])
def test_form_data_without_a_usable_boundary_is_refused(client: FlaskClient, boundary: str) -> None:
    kind = f"multipart/form-data{boundary}"
    assert slug(client.post("/v1/jobs", data=b"x", content_type=kind), 400) == "malformed-request"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_bodies_are_refused(client: FlaskClient, kind: str) -> None:
    response = client.post("/v1/jobs", data=b"style=x", content_type=kind)
    assert slug(response, 415) == "unsupported-media-type"


def test_photos_in_the_bucket_are_named_by_their_keys(client: FlaskClient, world: World) -> None:
    keys = ["trip/1/sea.jpg", "trip/2/sea.jpg", "straße.png"]
    job = send_keys(client, {"keys": keys}, strength=0, stroke="proportional").get_json()
    items = client.get(job["links"]["items"]).get_json()["items"]
    assert [item["name"] for item in items] == ["sea.jpg", "sea-2.jpg", "straße.png"]
    claim = world.jobs.chunks.claim(job["id"], 0, "worker")
    assert claim is not None
    assert [photo.key for photo in claim.photos] == keys
    assert claim.spec.stroke == "proportional"


def test_prefix_names_every_object_below_it_but_folders(client: FlaskClient, world: World) -> None:
    for key in ("trip/", "trip/1.jpg", "trip/more/", "trip/more/2.jpg", "tripod.jpg"):
        world.objects.put(key, b"photo")
    job = send_keys(client, {"prefix": "trip/"}).get_json()
    items = client.get(job["links"]["items"]).get_json()["items"]
    assert [item["name"] for item in items] == ["1.jpg", "2.jpg"]


def test_empty_prefix_says_what_to_do(client: FlaskClient) -> None:
    assert "Check its spelling" in problem(send_keys(client, {"prefix": "nothing/"}), 422)["detail"]


@pytest.mark.parametrize(
    "source",
    [{}, {"keys": ["a"], "prefix": "a/"}, {"keys": []}, {"prefix": ""}, {"keys": [1]}],
)
def test_photos_are_either_keys_or_a_prefix(client: FlaskClient, source: dict[str, Any]) -> None:
    pointers = [error["pointer"] for error in problem(send_keys(client, source), 422)["errors"]]
    assert all(pointer.startswith("/photos") for pointer in pointers)


@pytest.mark.parametrize("key", ["../up.jpg", "/a.jpg", "a//b.jpg", "a/./b", "a\n.jpg", "a/.."])
def test_key_that_a_folder_would_follow_elsewhere_is_refused(client: FlaskClient, key: str) -> None:
    details = problem(send_keys(client, {"keys": ["fine.jpg", key]}), 422)
    assert [error["pointer"] for error in details["errors"]] == ["/photos/keys/1"]


@pytest.mark.parametrize(
    "source",
    [
        {"keys": ["tenants/bob/a.jpg"]},
        {"keys": ["tenants/alice/../bob/a.jpg"]},
        {"keys": ["a.jpg"]},
        {"prefix": "tenants/"},
        {"prefix": "tenants/alice"},
        {"prefix": "tenants/alice/../bob/"},
    ],
)
def test_a_tenant_reaches_only_its_own_photos(source: dict[str, Any]) -> None:
    world = World(settings=Settings(api_keys={"alice": SecretStr("wonderland")}))
    world.objects.put("tenants/bob/a.jpg", b"bob's")
    client = create_app(world.services()).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer wonderland"
    details = problem(send_keys(client, source), 422)
    assert details["errors"][0]["pointer"].startswith("/photos/")


def test_a_tenant_sees_only_its_own_jobs() -> None:
    keys = {"alice": SecretStr("a"), "bob": SecretStr("b")}
    client = create_app(World(settings=Settings(api_keys=keys)).services()).test_client()
    alice, bob = ({"Authorization": f"Bearer {key}"} for key in "ab")
    data = {"style": STYLE, "photos": photos("a.jpg")}
    job = client.post("/v1/jobs", data=data, headers=alice).get_json()
    assert client.get(job["links"]["self"], headers=alice).status_code == 200
    assert slug(client.get(job["links"]["self"], headers=bob), 404) == "job-missing"
    assert slug(client.get(f"{job['links']['self']}/results/0", headers=bob), 404) == "job-missing"
    assert slug(client.post(job["links"]["cancel"], headers=bob), 404) == "job-missing"
    assert client.get("/v1/jobs", headers=bob).get_json()["jobs"] == []
    refused = client.get(job["links"]["self"])
    assert slug(refused, 401) == "unauthorized"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_ten_thousand_keys_are_a_job(client: FlaskClient, world: World) -> None:
    keys = [f"album/{number}.jpg" for number in range(10_000)]
    job = send_keys(client, {"keys": keys}).get_json()
    assert job["counts"]["total"] == 10_000
    assert len(world.notifier.messages) == world.settings.job_window


def test_json_that_is_too_long_is_refused(client: FlaskClient) -> None:
    declared = {"CONTENT_LENGTH": str(65 * 1024 * 1024), "CONTENT_TYPE": "application/json"}
    response = client.post("/v1/jobs", environ_overrides=declared)
    assert slug(response, 413) == "request-entity-too-large"


def test_list_of_mistakes_is_bounded(client: FlaskClient) -> None:
    mistakes = {f"unknown-{number}": 1 for number in range(60)}
    details = problem(send_keys(client, {"keys": ["a.jpg"]}, **mistakes), 422)
    assert len(details["errors"]) == 50


def test_of_many_keys_that_are_none_the_first_alone_is_told(client: FlaskClient) -> None:
    """A mistake takes a hundred times the bytes that it has in the body."""
    details = problem(send_keys(client, {"keys": ["a.jpg", *[0] * 1000]}), 422)
    assert [error["pointer"] for error in details["errors"]] == ["/photos/keys/1"]


@pytest.mark.parametrize("nested", [False, True])
def test_more_fields_than_any_job_has_are_refused_before_they_are_looked_at(
    client: FlaskClient, nested: bool
) -> None:
    fields = {f"unknown-{number}": 1 for number in range(200)}
    response = client.post("/v1/jobs", json={"photos": fields} if nested else fields)
    details = problem(response, 422)
    assert "more than 100 fields" in details["detail"]
    assert "errors" not in details


def test_more_values_than_an_album_may_have_are_refused_before_they_are_looked_at() -> None:
    world = World(settings=Settings(max_album_photos=2))
    client = create_app(world.services()).test_client()
    assert slug(send_keys(client, {"keys": [0] * 200}), 413) == "album-too-large"


def test_marks_of_json_within_a_key_are_part_of_it() -> None:
    world = World(settings=Settings(max_album_photos=2))
    client = create_app(world.services()).test_client()
    keys = [',:"\\' * 100, "b,:.jpg"]
    assert send_keys(client, {"keys": keys}).status_code == 202


def test_long_name_that_nobody_knows_comes_back_cut(client: FlaskClient) -> None:
    response = send_keys(client, {"keys": ["a.jpg"]}, **{"x" * 1_000_000: 1})
    assert problem(response, 422)["errors"][0]["pointer"].endswith("x…")
    assert len(response.data) < 1000


@pytest.mark.parametrize("value", ["1", "1" * 70_000])
def test_long_name_of_a_form_field_comes_back_cut(client: FlaskClient, value: str) -> None:
    response = send(client, photos("a.jpg"), **{"x" * 10_000: value})
    assert response.status_code in (400, 422)
    assert len(response.data) < 1000


@given(body=st.binary(max_size=200))
def test_noise_as_json_is_a_problem(body: bytes) -> None:
    client = create_app(World().services()).test_client()
    response = client.post("/v1/jobs", data=body, content_type="application/json")
    assert slug(response, 422) == "invalid-request"


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
def test_mistake_in_a_field_is_told_before_a_photo_is_read(world: World, name: str) -> None:
    """Whoever sends gigabytes learns of a misspelt style at their beginning."""

    def parts() -> Iterator[TextPart | FilePart]:
        yield TextPart("style", STYLE if name == "strength" else "cubism")
        yield TextPart("strength", "7" if name == "strength" else "1")
        pytest.fail("was read on")

    with pytest.raises((InvalidRequest, StyleMissing)):
        submit_upload(parts(), services=world.services(), tenant="default")
