"""Trainings that are refused: what is named, and that nothing is left behind."""

import io
from typing import Any, BinaryIO

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from api.submission.form_body import submit_upload
from api.submission.multipart import FilePart, TextPart
from infra import layout
from infra.errors import ImpastoError, ServiceUnavailable
from infra.settings import Settings
from tests.fakes.services import CORPUS, STYLE, World, add_corpus
from tests.fakes.storage import MemoryStore
from tests.unit.api.requests import photos, problem, slug
from tests.unit.api.trainings import NAME, PAINTING, submit_stored, submit_training


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("loss_network", "vgg99", "vgg19"),
        ("profile", "heavy", "quick"),
        ("schedule", "4:10,1:10", "must rise"),
        ("schedule", "soon", "balanced"),
        ("schedule", "1:0", "at least 1"),
        ("schedule", "1:1" + "0" * 9, "at most 1000000"),
        ("style", "Starry Night", "pattern"),
        ("style", "../x", "pattern"),
        ("style", "x\n", "pattern"),
        ("title", "two\nlines", "one line"),
        ("title", "x" * 201, "200"),
        ("corpus", "nowhere", CORPUS),
        ("corpus", "..", "pattern"),
        ("seed", "-1", "greater"),
        ("seed", "x", "integer"),
        ("base", "mine", "auto"),
        ("adaptive", "perhaps", "boolean"),
        ("strength", "0.5", "Extra"),
    ],
)
def test_wrong_wish_is_refused_at_once_and_named(
    client: FlaskClient, world: World, field: str, value: str, message: str
) -> None:
    before = set(world.objects.objects)
    details = problem(submit_training(client, **{field: value}), 422)
    assert [error["pointer"] for error in details["errors"]] == [f"/{field}"]
    assert message in details["detail"]
    assert set(world.objects.objects) == before


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"painting": None}, "/painting"),
        ({"painting": {}}, "/painting/key"),
        ({"painting": {"key": "gone.jpg"}}, "/painting/key"),
        ({"painting": {"key": "../up.jpg"}}, "/painting/key"),
        ({"painting": {"key": "empty.jpg"}}, "/painting/key"),
        ({"previews": {"keys": []}}, "/previews/keys"),
        ({"previews": {"keys": ["paintings/night.jpg"] * 9}}, "/previews/keys"),
        ({"previews": {"keys": ["paintings/night.jpg", "gone.jpg"]}}, "/previews/keys/1"),
        ({"previews": {"keys": ["a//b"]}}, "/previews/keys/0"),
        ({"painting": {"key": "archived.jpg"}}, "/painting/key"),
        ({"previews": {"keys": ["archived.jpg"]}}, "/previews/keys/0"),
        ({"seed": "1"}, "/seed"),
        ({"adaptive": "true"}, "/adaptive"),
        ({"photos": {"keys": ["a.jpg"]}}, "/photos"),
        ({"schedule": [[1, 2]]}, "/schedule"),
    ],
)
def test_wrong_config_in_json_is_named(
    client: FlaskClient, world: World, config: dict[str, Any], pointer: str
) -> None:
    world.objects.put("paintings/night.jpg", PAINTING)
    world.objects.put("empty.jpg", b"")
    world.objects.refused.add("archived.jpg")
    details = problem(submit_stored(client, **config), 422)
    assert [error["pointer"] for error in details["errors"]] == [pointer]


def test_painting_that_is_too_large_is_refused_before_it_is_read() -> None:
    world = World(settings=Settings(max_photo_bytes=4))
    world.objects.put("paintings/night.jpg", PAINTING)
    client = create_app(world.services()).test_client()
    assert "more than 4 bytes" in problem(submit_stored(client), 422)["detail"]
    assert slug(submit_training(client), 413) == "album-too-large"


def test_unknown_kind_of_job_is_named_alone(client: FlaskClient) -> None:
    details = problem(client.post("/v1/jobs", json={"kind": "paint", "x": 1}), 422)
    assert [error["pointer"] for error in details["errors"]] == ["/kind"]


@pytest.mark.parametrize(
    ("files", "pointer", "message"),
    [
        ({"painting": None}, "/painting", "curl -F painting=@"),
        ({"painting": (io.BytesIO(), "empty.jpg")}, "/painting", "empty"),
        ({"painting": "night.jpg"}, "/painting", "must be a file"),
        ({"previews": [(io.BytesIO(), "empty.jpg")]}, "/previews", "empty"),
        ({"previews": photos(*"123456789")}, "/previews", "at most 8"),
        ({"photos": photos("a.jpg")}, "/photos", "`painting` and `previews`"),
        (
            {"painting": [(io.BytesIO(PAINTING), name) for name in ("a.jpg", "b.jpg")]},
            "/painting",
            "more than once",
        ),
    ],
)
def test_wrong_files_leave_nothing_behind(
    client: FlaskClient, world: World, files: dict[str, Any], pointer: str, message: str
) -> None:
    before = set(world.objects.objects)
    details = problem(submit_training(client, **files), 422)
    assert [error["pointer"] for error in details["errors"]] == [pointer]
    assert message in details["detail"]
    assert set(world.objects.objects) == before


def test_name_that_is_taken_is_a_conflict(client: FlaskClient, world: World) -> None:
    """By a published style, or by a training that has published nothing yet."""
    assert slug(submit_training(client, style=STYLE), 409) == "style-exists"
    first = submit_training(client).get_json()
    before = set(world.objects.objects)
    world.objects.put("paintings/night.jpg", PAINTING)
    assert slug(submit_training(client), 409) == "style-exists"
    assert slug(submit_stored(client), 409) == "style-exists"
    assert set(world.objects.objects) == before | {"paintings/night.jpg"}
    client.post(first["links"]["cancel"])
    assert submit_training(client).status_code == 202


@pytest.mark.parametrize("wrong", [("style", STYLE), ("loss_network", "vgg99")])
def test_mistake_shows_before_the_painting_is_read(world: World, wrong: tuple[str, str]) -> None:
    def parts() -> Any:  # noqa: ANN401
        fields = {"kind": "train", "style": NAME, **dict([wrong])}
        yield from (TextPart(name, value) for name, value in fields.items())
        pytest.fail("was read on")

    with pytest.raises(ImpastoError):
        submit_upload(parts(), services=world.services(), tenant="default")


def test_kind_that_the_files_belie_is_refused(world: World) -> None:
    def parts() -> Any:  # noqa: ANN401
        yield FilePart("painting", "night.jpg", io.BytesIO(PAINTING))
        yield TextPart("kind", "stylize")
        yield TextPart("style", NAME)

    with pytest.raises(ImpastoError, match="/kind"):
        submit_upload(parts(), services=world.services(), tenant="default")


def test_damaged_corpus_is_a_mistake_of_who_names_it(client: FlaskClient, world: World) -> None:
    world.objects.put(layout.corpus_index("default", "bad"), b"{")
    [error] = problem(submit_training(client, corpus="bad"), 422)["errors"]
    assert error["pointer"] == "/corpus"
    assert "coco" in error["detail"]
    assert submit_training(client).status_code == 202


def test_photos_that_are_not_there_are_named_with_those_that_are(
    client: FlaskClient, world: World
) -> None:
    world.objects.delete_prefix(layout.corpora_prefix("default"))
    detail = problem(submit_training(client, corpus="coco"), 422)["detail"]
    assert "there are: starter." in detail
    assert "impasto corpus add" in detail


def test_a_tenant_learns_only_from_what_is_its_own() -> None:
    world = World(settings=Settings(api_keys={"alice": SecretStr("wonderland")}))
    add_corpus(world.objects, tenant="alice")
    for tenant in ("alice", "bob"):
        world.objects.put(f"tenants/{tenant}/night.jpg", PAINTING)
    client = create_app(world.services()).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer wonderland"
    for key in ("tenants/bob/night.jpg", "tenants/alice/../bob/night.jpg", "night.jpg"):
        details = problem(submit_stored(client, painting={"key": key}), 422)
        assert [error["pointer"] for error in details["errors"]] == ["/painting/key"]
    own = {"key": "tenants/alice/night.jpg"}
    previews = {"keys": ["tenants/bob/night.jpg"]}
    details = problem(submit_stored(client, painting=own, previews=previews), 422)
    assert [error["pointer"] for error in details["errors"]] == ["/previews/keys/0"]
    assert submit_stored(client, painting=own).status_code == 202


def test_storage_that_fails_midway_leaves_nothing_behind() -> None:
    class Failing(MemoryStore):
        def put(self, key: str, body: bytes | BinaryIO, *, content_type: str | None = None) -> None:
            if key.endswith("me.jpg"):
                raise ServiceUnavailable("S3 cannot be reached.")
            super().put(key, body, content_type=content_type)

    world = World(objects=Failing())
    before = set(world.objects.objects)
    client = create_app(world.services()).test_client()
    response = submit_training(client, previews=photos("me.jpg"))
    assert slug(response, 503) == "service-unavailable"
    assert set(world.objects.objects) == before


def test_redis_that_is_down_leaves_neither_painting_nor_name_behind(
    client: FlaskClient, world: World
) -> None:
    world.records.down = True
    assert slug(submit_training(client), 503) == "service-unavailable"
    world.records.down = False
    assert submit_training(client).status_code == 202
