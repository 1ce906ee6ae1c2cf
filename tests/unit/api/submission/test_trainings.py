"""Trainings over HTTP, from the painting to the published style."""

import io
from hashlib import sha256
from typing import Any, BinaryIO

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from api.app import create_app
from api.submission.form_body import submit_upload
from api.submission.multipart import FilePart, TextPart
from infra import layout
from infra.errors import ImpastoError, ServiceUnavailable
from infra.jobs.domain.model import Problem, TrainingConfig
from infra.settings import Settings
from tests.fakes.services import CORPUS, STYLE, World, add_corpus
from tests.fakes.storage import MemoryStore
from tests.unit.api.submission.test_jobs import photos, problem, slug

NAME = "starry-night"
PAINTING = b"oil on canvas"
SCHEDULE = "0.1:10,1.5:20,4:30"


def submit_training(client: FlaskClient, **fields: Any) -> TestResponse:  # noqa: ANN401
    """Send a painting as form data."""
    form = {
        "kind": "train",
        "style": NAME,
        "schedule": SCHEDULE,
        "painting": (io.BytesIO(PAINTING), "Starry Night.JPG"),
        **fields,
    }
    return client.post(
        "/v1/jobs",
        data={name: value for name, value in form.items() if value is not None},
        content_type="multipart/form-data",
    )


def submit_stored(client: FlaskClient, **config: Any) -> TestResponse:  # noqa: ANN401
    """Name a painting that lies in the bucket."""
    known = {"kind": "train", "style": NAME, "painting": {"key": "paintings/night.jpg"}}
    return client.post("/v1/jobs", json={**known, **config})


def config_of(world: World, job: str) -> TrainingConfig:
    record = world.records.load(job)
    assert record is not None
    return record.spec.training_config


def test_painting_is_answered_at_once_with_a_training(client: FlaskClient, world: World) -> None:
    response = submit_training(client)
    job = response.get_json()
    assert (response.status_code, response.headers["Location"]) == (202, job["links"]["self"])
    assert (job["kind"], job["state"], job["style"]) == ("train", "queued", NAME)
    assert job["counts"] == {"total": 3, "done": 0, "failed": 0}
    assert job["training"] == {
        "stage": 0,
        "stages": 3,
        "iteration": 0,
        "iterations": 60,
        "ratio": 0.1,
        "images_per_second": None,
        "content": None,
        "style": None,
        "note": None,
        "published": [],
    }
    assert world.notifier.training_messages == [(job["id"], 0)]
    assert world.notifier.messages == []


def test_everything_asked_for_is_in_the_config(client: FlaskClient, world: World) -> None:
    add_corpus(world.objects, "mine")
    job = submit_training(
        client,
        title="The Starry Night",
        licence="CC0-1.0",
        loss_network="squeezenet1_1",
        profile="quick",
        adaptive="true",
        corpus="mine",
        seed="7",
        base="none",
        previews=photos("me.jpg", "me.jpg"),
    ).get_json()["id"]
    config = config_of(world, job)
    assert config.painting.key == layout.painting("default", job, ".jpg")
    assert world.objects.get(config.painting.key) == PAINTING
    assert config.painting.sha256 == sha256(PAINTING).hexdigest()
    assert [world.objects.get(key) for key in config.previews] == [b"me.jpg", b"me.jpg"]
    assert len(set(config.previews)) == 2
    assert config.stages == ((0.1, 10), (1.5, 20), (4.0, 30))
    chosen = config.model_dump(exclude={"painting", "previews", "stages"})
    assert chosen == {
        "style": NAME,
        "title": "The Starry Night",
        "licence": "CC0-1.0",
        "loss_network": "squeezenet1_1",
        "profile": "quick",
        "adaptive": True,
        "corpus": "mine",
        "seed": 7,
        "base": "none",
        **{
            name: TrainingConfig.model_fields[name].default
            for name in ("painting_side", "batch", "crop")
        },
    }


def test_painting_and_a_name_are_enough(client: FlaskClient, world: World) -> None:
    job = submit_training(client, kind=None, schedule=None).get_json()["id"]
    config = config_of(world, job)
    assert (config.title, config.licence, config.profile) == (NAME, "unknown", "light")
    assert (config.loss_network, config.corpus, config.base) == ("vgg19", CORPUS, "auto")
    assert len(config.stages) > 3


def test_quick_profile_has_a_schedule_of_its_own(client: FlaskClient, world: World) -> None:
    quick = submit_training(client, profile="quick", schedule=None).get_json()["id"]
    light = submit_training(client, style="other", schedule=None).get_json()["id"]
    assert config_of(world, quick).iterations < config_of(world, light).iterations / 3


def test_painting_in_the_bucket_is_named_by_its_key(client: FlaskClient, world: World) -> None:
    for key in ("paintings/night.jpg", "me/1.jpg", "me/2.jpg"):
        world.objects.put(key, PAINTING)
    response = submit_stored(client, previews={"keys": ["me/2.jpg", "me/1.jpg"]}, seed=3)
    config = config_of(world, response.get_json()["id"])
    assert config.painting.key == "paintings/night.jpg"
    assert config.painting.sha256 == sha256(PAINTING).hexdigest()
    assert (config.previews, config.seed) == (("me/2.jpg", "me/1.jpg"), 3)


def test_training_is_watched_stage_by_stage(client: FlaskClient, world: World) -> None:
    job = submit_training(client).get_json()
    world.learn(until=1)
    now = client.get(job["links"]["self"]).get_json()
    assert now["state"] == "running"
    assert now["counts"] == {"total": 3, "done": 1, "failed": 0}
    training = now["training"]
    assert (training["stage"], training["ratio"]) == (1, 1.5)
    assert (training["iteration"], training["iterations"]) == (20, 60)
    assert (training["images_per_second"], training["note"]) == (8.0, "went back to stage 0")
    assert (training["content"], training["style"]) == (0.5, 0.25)
    assert training["published"] == [{"stage": 0, "ratio": 0.1}]
    assert now["progress"] == pytest.approx(1 / 3)
    assert now["eta_seconds"] == 40 * 4 / 8


def test_every_link_of_a_training_leads_somewhere(client: FlaskClient, world: World) -> None:
    """Of its own kind; those of an album are null, and the other way round."""
    job = submit_training(client).get_json()
    world.learn()
    links = client.get(job["links"]["self"]).get_json()["links"]
    assert (links["items"], links["results_zip"]) == (None, None)
    found = {name: link for name, link in links.items() if link and name != "cancel"}
    assert set(found) == {
        "self",
        "style",
        "stages",
        "previews",
        "contact_sheet",
        "losses_svg",
        "losses_png",
        "history",
    }
    assert [client.get(link).status_code for link in found.values()] == [200] * len(found)
    album = client.post("/v1/jobs", data={"style": NAME, "photos": photos("a.jpg")}).get_json()
    assert album["training"] is None
    assert {name for name, link in album["links"].items() if link} == {
        "self",
        "cancel",
        "retry",
        "style",
        "items",
        "results_zip",
    }


def test_album_can_use_the_first_stage_while_the_second_is_trained(
    client: FlaskClient, world: World
) -> None:
    job = submit_training(client).get_json()
    data = {"style": NAME, "photos": photos("a.jpg")}
    assert slug(client.post("/v1/jobs", data=data), 422) == "style-missing"
    world.learn(until=1)
    data = {"style": NAME, "photos": photos("a.jpg")}
    album = client.post("/v1/jobs", data=data).get_json()
    world.work(world.paint)
    assert client.get(album["links"]["self"]).get_json()["state"] == "succeeded"
    assert client.get(job["links"]["self"]).get_json()["state"] == "running"


def test_training_that_failed_says_why_and_keeps_its_stages(
    client: FlaskClient, world: World
) -> None:
    job = submit_training(client).get_json()
    world.learn(until=1)
    claim = world.jobs.trainings.claim(job["id"], "trainer")
    assert claim is not None
    error = Problem(type="loss-weights-missing", detail="Put vgg19.pth into the folder.")
    world.jobs.trainings.fail(claim, error)
    after = client.get(job["links"]["self"]).get_json()
    assert (after["state"], after["counts"]["done"]) == ("failed", 1)
    assert after["error"] == {"type": error.type, "detail": error.detail}
    assert len(client.get(f"/v1/styles/{NAME}/stages").get_json()["stages"]) == 1


def test_training_can_be_cancelled(client: FlaskClient) -> None:
    job = submit_training(client).get_json()
    assert client.post(job["links"]["cancel"]).get_json()["state"] == "cancelled"


def test_training_has_no_photos_and_no_zip(client: FlaskClient, world: World) -> None:
    job = submit_training(client).get_json()
    items = client.get(f"{job['links']['self']}/items").get_json()
    assert (items["items"], items["total"], items["next"]) == ([], 0, None)
    assert slug(client.get(f"{job['links']['self']}/results/0"), 404) == "result-missing"
    assert NAME in problem(client.get(f"{job['links']['self']}/results.zip"), 404)["detail"]


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
        ({"painting": photos("a.jpg", "b.jpg")}, "/painting", "more than once"),
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


def test_kind_may_come_after_the_painting(world: World) -> None:
    """Browsers and curl send a form's fields in whatever order it has them."""

    def parts() -> Any:  # noqa: ANN401
        yield TextPart("style", NAME)
        yield FilePart("painting", "night.jpg", io.BytesIO(PAINTING))
        yield TextPart("seed", "5")
        yield TextPart("kind", "train")

    view = submit_upload(parts(), services=world.services(), tenant="default")
    assert (view.kind, config_of(world, view.id).seed) == ("train", 5)


def test_kind_that_the_files_belie_is_refused(world: World) -> None:
    def parts() -> Any:  # noqa: ANN401
        yield FilePart("painting", "night.jpg", io.BytesIO(PAINTING))
        yield TextPart("kind", "stylize")
        yield TextPart("style", NAME)

    with pytest.raises(ImpastoError, match="/kind"):
        submit_upload(parts(), services=world.services(), tenant="default")


def test_one_corpus_need_not_be_named_but_several_must(client: FlaskClient, world: World) -> None:
    add_corpus(world.objects, "mine")
    details = problem(submit_training(client), 422)
    assert details["errors"] == [{"pointer": "/corpus", "detail": "name one of coco, mine"}]
    assert submit_training(client, corpus="mine").status_code == 202


def test_damaged_corpus_is_a_mistake_of_who_names_it(client: FlaskClient, world: World) -> None:
    world.objects.put(layout.corpus_index("default", "bad"), b"{")
    [error] = problem(submit_training(client, corpus="bad"), 422)["errors"]
    assert error["pointer"] == "/corpus"
    assert "coco" in error["detail"]
    assert submit_training(client).status_code == 202


def test_without_photos_to_learn_on_it_says_how_to_get_some(
    client: FlaskClient, world: World
) -> None:
    world.objects.delete_prefix(layout.corpora_prefix("default"))
    for corpus in (None, "coco"):
        assert (
            "impasto corpus add" in problem(submit_training(client, corpus=corpus), 422)["detail"]
        )


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


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.PNG", ".png"), ("a.tar.gz", ".gz"), ("a", ""), ("a.j pg", ""), ("../../x.jpg", ".jpg")],
)
def test_name_of_the_painting_decides_nothing_but_its_suffix(
    client: FlaskClient, world: World, name: str, suffix: str
) -> None:
    job = submit_training(client, painting=(io.BytesIO(PAINTING), name)).get_json()["id"]
    assert config_of(world, job).painting.key == layout.painting("default", job, suffix)
