"""Albums whose photos lie in the bucket, named in JSON by keys or a prefix."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from api.app import create_app
from infra.settings import Settings
from tests.fakes.services import World
from tests.unit.api.requests import problem, send_keys, slug


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


def test_of_many_keys_that_are_none_the_first_alone_is_reported(client: FlaskClient) -> None:
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


@given(body=st.binary(max_size=200))
def test_noise_as_json_is_a_problem(body: bytes) -> None:
    client = create_app(World().services()).test_client()
    response = client.post("/v1/jobs", data=body, content_type="application/json")
    assert slug(response, 422) == "invalid-request"
