"""Styles that come, go and change hands over HTTP: whose they are, and who sees what."""

import io
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from api.app import create_app
from infra import layout
from infra.settings import Settings
from tests.fakes.services import CORPUS, STYLE, World, add_corpus, publish
from tests.style_files import affine, members, net, unzipped, zipped
from tests.unit.api.trainings import PAINTING

KEYS = {"alice": SecretStr("wonderland"), "bob": SecretStr("builder")}
Ask = Callable[..., TestResponse]


@pytest.fixture
def world() -> World:
    return World(settings=Settings(api_keys=KEYS))


def asker(client: FlaskClient, key: str) -> Ask:
    headers = {"Authorization": f"Bearer {key}"}

    def ask(method: str, address: str, **options: object) -> TestResponse:
        return client.open(address, method=method, headers=headers, **options)  # pyright: ignore[reportArgumentType]

    return ask


@pytest.fixture
def alice(client: FlaskClient) -> Ask:
    return asker(client, "wonderland")


@pytest.fixture
def bob(client: FlaskClient) -> Ask:
    return asker(client, "builder")


def send(ask: Ask, body: bytes, **fields: str) -> TestResponse:
    form = {**fields, "file": (io.BytesIO(body), "night.style.zip")}
    return ask("POST", "/v1/styles", data=form, content_type="multipart/form-data")


def names(ask: Ask) -> dict[str, tuple[str, bool]]:
    styles = ask("GET", "/v1/styles").get_json()["styles"]
    return {style["name"]: (style["visibility"], style["own"]) for style in styles}


def problem(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["type"].rpartition(":")[2]


def submit(ask: Ask, style: str = "night", **options: object) -> TestResponse:
    job = {"kind": "stylize", "style": style, "photos": {"keys": []}, **options}
    return ask("POST", "/v1/jobs", json=job)


def test_an_imported_style_is_its_tenants_alone(world: World, alice: Ask, bob: Ask) -> None:
    answer = send(alice, zipped(members()))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/v1/styles/night"
    assert (answer.get_json()["visibility"], answer.get_json()["own"]) == ("private", True)
    assert names(alice) == {STYLE: ("shared", False), "night": ("private", True)}
    assert names(bob) == {STYLE: ("shared", False)}
    assert alice("GET", "/v1/styles/night/previews/0/0.jpg").data == b"\xff\xd8\xff preview"


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", ""),
        ("GET", "/stages"),
        ("GET", "/previews"),
        ("GET", "/card.json"),
        ("GET", "/contact-sheet.jpg"),
        ("GET", "/previews/0/0.jpg"),
        ("GET", "/export"),
    ],
)
def test_anothers_private_style_is_not_there(
    alice: Ask, bob: Ask, method: str, address: str
) -> None:
    """Under no address, and in the very words that a style which never was is answered with."""
    send(alice, zipped(members()))
    options = {"json": {"title": "Mine"}} if method == "PATCH" else {}
    found = bob(method, f"/v1/styles/night{address}", **options)
    never = bob(method, f"/v1/styles/light{address}", **options)
    assert problem(found) == (404, "style-missing")
    assert found.get_json()["detail"] == never.get_json()["detail"].replace("light", "night")


def test_nobody_else_paints_in_a_private_style(world: World, alice: Ask, bob: Ask) -> None:
    send(alice, zipped(members()))
    for key in ("alice", "bob"):
        world.objects.put(f"tenants/{key}/a.jpg", b"photo")
    blend = {"style": STYLE, "blend": {"style": "night", "share": 0.5}}
    for options in ({"style": "night"}, blend, {"style": "night@alice"}):
        refused = submit(bob, photos={"keys": ["tenants/bob/a.jpg"]}, **options)
        assert problem(refused) == (422, "style-missing"), refused.text
    assert submit(alice, photos={"keys": ["tenants/alice/a.jpg"]}).status_code == 202


def test_two_tenants_have_private_styles_of_one_name(alice: Ask, bob: Ask) -> None:
    assert send(alice, zipped(members(title="Hers"))).status_code == 201
    assert send(bob, zipped(members(title="His"))).status_code == 201
    assert alice("GET", "/v1/styles/night").get_json()["title"] == "Hers"
    assert bob("GET", "/v1/styles/night").get_json()["card"]["title"] == "His"
    assert bob("DELETE", "/v1/styles/night").status_code == 204
    assert alice("GET", "/v1/styles/night").status_code == 200


def test_a_shared_style_is_everybodys_to_paint_and_its_owners_to_change(
    world: World, alice: Ask, bob: Ask
) -> None:
    send(alice, zipped(members()))
    shared = alice("PATCH", "/v1/styles/night", json={"visibility": "shared"})
    assert shared.get_json()["visibility"] == "shared"
    assert names(bob)["night"] == ("shared", False)
    world.objects.put("tenants/bob/a.jpg", b"photo")
    assert submit(bob, photos={"keys": ["tenants/bob/a.jpg"]}).status_code == 202
    for method, options in (("PATCH", {"json": {"name": "mine"}}), ("DELETE", {})):
        assert problem(bob(method, "/v1/styles/night", **options)) == (403, "style-not-yours")
    alice("PATCH", "/v1/styles/night", json={"visibility": "private"})
    assert "night" not in names(bob)
    assert names(alice)["night"] == ("private", True)


def test_a_name_that_somebody_shares_is_taken(alice: Ask, bob: Ask) -> None:
    send(alice, zipped(members()), visibility="shared")
    assert problem(send(bob, zipped(members()))) == (409, "style-exists")
    assert send(bob, zipped(members()), name="evening").status_code == 201
    renamed = bob("PATCH", "/v1/styles/evening", json={"name": "night"})
    assert problem(renamed) == (409, "style-exists")


def test_two_that_share_one_name_are_told(alice: Ask, bob: Ask) -> None:
    for ask in (alice, bob):
        send(ask, zipped(members()))
    alice("PATCH", "/v1/styles/night", json={"visibility": "shared"})
    assert problem(bob("PATCH", "/v1/styles/night", json={"visibility": "shared"})) == (
        409,
        "style-exists",
    )
    assert names(bob)["night"] == ("private", True)  # his own hides hers from him alone
    both = {"visibility": "shared", "name": "late-night"}
    assert bob("PATCH", "/v1/styles/night", json=both).status_code == 200
    assert names(bob)["night"] == ("shared", False)


def test_a_renamed_style_keeps_all_it_has(alice: Ask) -> None:
    send(alice, zipped(members()))
    before = unzipped(alice("GET", "/v1/styles/night/export").data)
    changed = alice("PATCH", "/v1/styles/night", json={"name": "dusk", "title": "Dusk"})
    assert changed.headers["Location"] == "/v1/styles/dusk"
    assert problem(alice("GET", "/v1/styles/night")) == (404, "style-missing")
    after = unzipped(alice("GET", "/v1/styles/dusk/export").data)
    assert after.keys() == before.keys()
    for name in before.keys() - {"manifest.json", "card.json"}:
        assert after[name] == before[name]
    card = json.loads(after["card.json"])
    assert (card["name"], card["title"], card["licence"]) == ("dusk", "Dusk", "CC0-1.0")


def test_a_title_alone_is_changed_in_place(world: World, alice: Ask) -> None:
    send(alice, zipped(members()))
    nets = {key for key in world.objects.objects if "/nets/" in key}
    alice("PATCH", "/v1/styles/night", json={"title": "Nuit étoilée"})
    assert alice("GET", "/v1/styles/night").get_json()["card"]["title"] == "Nuit étoilée"
    assert {key for key in world.objects.objects if "/nets/" in key} == nets


def test_bundled_styles_cannot_be_changed(world: World, alice: Ask) -> None:
    refused = alice("DELETE", f"/v1/styles/{STYLE}")
    assert problem(refused) == (403, "style-not-yours")
    assert "came with the service" in refused.get_json()["detail"]
    assert STYLE in names(alice)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "No Name"}, "/name"),
        ({"visibility": "secret"}, "/visibility"),
        ({"title": "two\nlines"}, "/title"),
        ({"title": ""}, "/title"),
        ({"owner": "bob"}, "/owner"),
    ],
)
def test_a_change_that_means_nothing_is_refused(
    alice: Ask, change: dict[str, str], pointer: str
) -> None:
    send(alice, zipped(members()))
    refused = alice("PATCH", "/v1/styles/night", json=change)
    assert problem(refused) == (422, "invalid-request")
    assert refused.get_json()["errors"][0]["pointer"] == pointer


def test_a_deleted_style_is_gone_and_its_album_goes_on(world: World, alice: Ask) -> None:
    send(alice, zipped(members()))
    world.objects.put("tenants/alice/a.jpg", b"photo")
    job = submit(alice, photos={"keys": ["tenants/alice/a.jpg"]}).get_json()["id"]
    spec = world.jobs.queries.find(job, "alice").spec
    assert alice("DELETE", "/v1/styles/night").status_code == 204
    assert problem(alice("DELETE", "/v1/styles/night")) == (404, "style-missing")
    assert all(net.key in world.objects.objects for net in spec.blend)
    kept = [key for key in world.objects.objects if "styles/night/" in key]
    assert all("/nets/" in key for key in kept)
    world.work(world.paint)
    assert alice("GET", f"/v1/jobs/{job}").get_json()["state"] == "succeeded"
    assert send(alice, zipped(members())).status_code == 201


def train(ask: Ask, world: World, **options: str) -> str:
    add_corpus(world.objects, tenant="alice")
    world.objects.put("tenants/alice/p.png", PAINTING)
    body = {
        "kind": "train",
        "style": "night",
        "corpus": CORPUS,
        "painting": {"key": "tenants/alice/p.png"},
        **options,
    }
    answer = ask("POST", "/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return answer.get_json()["id"]


def test_a_trained_style_is_private_while_it_trains_and_after(
    world: World, alice: Ask, bob: Ask
) -> None:
    job = train(alice, world)
    world.learn(until=1)
    assert names(alice)["night"] == ("private", True)
    assert "night" not in names(bob)
    for change in (("DELETE", {}), ("PATCH", {"json": {"visibility": "shared"}})):
        assert problem(alice(change[0], "/v1/styles/night", **change[1])) == (409, "style-busy")
    sheet = alice("GET", f"/v1/jobs/{job}").get_json()["links"]["contact_sheet"]
    assert alice("GET", sheet).status_code == 200
    alice("POST", f"/v1/jobs/{job}/cancel")
    assert alice("DELETE", "/v1/styles/night").status_code == 204


def test_a_training_may_be_for_everybody(world: World, alice: Ask, bob: Ask) -> None:
    train(alice, world, visibility="shared")
    world.learn()
    assert names(bob)["night"] == ("shared", False)
    assert names(alice)["night"] == ("shared", True)


def test_without_keys_every_style_is_shared_as_before() -> None:
    world = World()
    client = create_app(world.services()).test_client()
    ask = asker(client, "none")
    assert send(ask, zipped(members())).get_json()["visibility"] == "shared"
    assert world.objects.get(layout.style_index("night"))
    assert names(ask) == {STYLE: ("shared", False), "night": ("shared", True)}
    assert client.delete("/v1/styles/night").status_code == 204


def test_a_style_that_0_1_0_trained_is_shared_and_its_trainings(
    world: World, alice: Ask, bob: Ask
) -> None:
    """Its index names no tenant: the reservation of its training does."""
    publish(world.objects, "waves")
    index = json.loads(world.objects.get(layout.style_index("waves")))
    del index["tenant"], index["visibility"]
    world.objects.put(layout.style_index("waves"), json.dumps({**index, "job": "j1"}).encode())
    owner = json.dumps({"job": "j1", "tenant": "alice"}).encode()
    world.objects.put(layout.style_owner("waves", "j1"), owner)
    assert names(alice)["waves"] == ("shared", True)
    assert names(bob)["waves"] == ("shared", False)


def test_a_quick_style_brings_its_backbone(world: World, alice: Ask) -> None:
    backbone = net(7)
    nets = {0: affine(backbone, 1), 1: affine(backbone, 2, 1)}
    alone = send(alice, zipped(members(nets)))
    assert problem(alone) == (422, "style-file-rejected")
    assert "--backbone" in alone.get_json()["detail"]
    assert send(alice, zipped(members(nets, backbone=backbone))).status_code == 201
    trained_here = [info.key for info in world.objects.list(layout.BACKBONES_PREFIX)]
    assert trained_here == []  # or new quick styles might start from it
    exported = unzipped(alice("GET", "/v1/styles/night/export").data)
    assert exported["backbone.safetensors"] == backbone
    assert send(alice, zipped(members(nets)), name="again").status_code == 201
