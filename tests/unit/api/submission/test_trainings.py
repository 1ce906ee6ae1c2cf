"""Trainings over HTTP, from the painting to the published style."""

import io
from hashlib import sha256
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.submission.form_body import submit_upload
from api.submission.multipart import FilePart, TextPart
from infra import layout
from infra.corpus import BUILT_IN, PHOTOS, STARTER
from infra.jobs.domain.model import Problem, TrainingConfig
from tests.fakes.services import CORPUS, World, add_corpus
from tests.unit.api.requests import photos, problem, slug
from tests.unit.api.trainings import NAME, PAINTING, config_of, submit_stored, submit_training


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
        "loss_network": "vgg19_original",
        "schedule": "0.1:10,1.5:20,4:30",
        "corpus": CORPUS,
        "corpus_photos": 300,
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
        "corpus_photos": 300,
        "seed": 7,
        "base": "none",
        **{
            name: TrainingConfig.model_fields[name].default
            for name in ("visibility", "painting_side", "batch", "crop")
        },
    }


def test_painting_and_a_name_are_enough(client: FlaskClient, world: World) -> None:
    job = submit_training(client, kind=None, schedule=None).get_json()["id"]
    config = config_of(world, job)
    assert (config.title, config.licence, config.profile) == (NAME, "unknown", "light")
    assert (config.loss_network, config.corpus, config.base) == ("vgg19_original", CORPUS, "auto")
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


def test_kind_may_come_after_the_painting(world: World) -> None:
    """Browsers and curl send a form's fields in whatever order it has them."""

    def parts() -> Any:  # noqa: ANN401
        yield TextPart("style", NAME)
        yield FilePart("painting", "night.jpg", io.BytesIO(PAINTING))
        yield TextPart("seed", "5")
        yield TextPart("kind", "train")

    view = submit_upload(parts(), services=world.services(), tenant="default")
    assert (view.kind, config_of(world, view.id).seed) == ("train", 5)


def test_one_corpus_need_not_be_named_but_several_must(client: FlaskClient, world: World) -> None:
    add_corpus(world.objects, "mine")
    details = problem(submit_training(client), 422)
    several = "name one of coco, mine, starter"
    assert details["errors"] == [{"pointer": "/corpus", "detail": several}]
    assert submit_training(client, corpus="mine").status_code == 202


def test_who_has_no_photos_learns_on_those_that_come_along(
    client: FlaskClient, world: World
) -> None:
    world.objects.delete_prefix(layout.corpora_prefix("default"))
    job = submit_training(client).get_json()
    assert (job["training"]["corpus"], job["training"]["corpus_photos"]) == (STARTER, PHOTOS)
    assert config_of(world, job["id"]).corpus == BUILT_IN


def test_photos_that_come_along_may_be_named_beside_ones_own(
    client: FlaskClient, world: World
) -> None:
    """Who has called a corpus of their own so means that one."""
    named = submit_training(client, corpus=STARTER).get_json()
    add_corpus(world.objects, STARTER, photos=7)
    own = submit_training(client, corpus=STARTER, style="other").get_json()
    assert [config_of(world, job["id"]).corpus for job in (named, own)] == [BUILT_IN, STARTER]
    assert [job["training"]["corpus_photos"] for job in (named, own)] == [PHOTOS, 7]


@pytest.mark.parametrize("name", ["brief", "balanced", "thorough"])
def test_a_schedule_by_name_is_that_of_the_loss_network(
    client: FlaskClient, world: World, name: str
) -> None:
    over = {
        network: config_of(
            world,
            submit_training(
                client, style=f"s{network[:3]}", schedule=name, loss_network=network
            ).get_json()["id"],
        ).stages
        for network in ("vgg19", "squeezenet1_0")
    }
    assert over["squeezenet1_0"][-1][0] == 10
    assert over["vgg19"][-1][0] <= 6


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.PNG", ".png"), ("a.tar.gz", ".gz"), ("a", ""), ("a.j pg", ""), ("../../x.jpg", ".jpg")],
)
def test_name_of_the_painting_decides_nothing_but_its_suffix(
    client: FlaskClient, world: World, name: str, suffix: str
) -> None:
    job = submit_training(client, painting=(io.BytesIO(PAINTING), name)).get_json()["id"]
    assert config_of(world, job).painting.key == layout.painting("default", job, suffix)
