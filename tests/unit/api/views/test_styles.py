"""Styles over HTTP: stages, cards, charts, pictures; and the corpora they are learnt on."""

import json

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from infra import layout
from infra.corpus import PHOTOS
from infra.settings import Settings
from tests.fakes.services import STYLE, World, add_corpus, publish
from tests.unit.api.requests import slug


def test_styles_are_listed_by_name(client: FlaskClient, world: World) -> None:
    publish(world.objects, "great-wave")
    styles = client.get("/v1/styles").get_json()["styles"]
    assert [style["name"] for style in styles] == ["great-wave", STYLE]
    assert styles[0]["licence"] == "CC0-1.0"
    assert [stage["ratio"] for stage in styles[0]["stages"]] == [0.02, 15.0]


def test_style_shows_its_card_and_its_contact_sheet(client: FlaskClient) -> None:
    style = client.get(f"/v1/styles/{STYLE}").get_json()
    assert style["card"]["title"] == "Water Lilies"
    sheet = client.get(style["links"]["contact_sheet"])
    assert (sheet.content_type, sheet.data) == ("image/jpeg", b"contact-sheet.jpg")


def test_style_without_a_contact_sheet_says_so(client: FlaskClient, world: World) -> None:
    world.objects.delete(layout.style_file(STYLE, "contact-sheet.jpg"))
    assert slug(client.get(f"/v1/styles/{STYLE}/contact-sheet.jpg"), 404) == "result-missing"


def test_unknown_or_hostile_style_is_missing(client: FlaskClient) -> None:
    for name in ("cubism", "..", "%00", "a" * 300):
        assert slug(client.get(f"/v1/styles/{name}"), 404) in ("style-missing", "not-found")


@pytest.mark.parametrize(
    ("link", "media_type"),
    [
        ("contact_sheet", "image/jpeg"),
        ("losses_svg", "image/svg+xml"),
        ("losses_png", "image/png"),
        ("history", "application/jsonl"),
        ("card", "application/json"),
    ],
)
def test_every_link_of_a_style_leads_to_its_file(
    client: FlaskClient, link: str, media_type: str
) -> None:
    address = client.get(f"/v1/styles/{STYLE}").get_json()["links"][link]
    response = client.get(address)
    assert (response.status_code, response.content_type) == (200, media_type)
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_card_is_sent_as_it_is(client: FlaskClient, world: World) -> None:
    card = world.objects.get(layout.style_file(STYLE, "card.json"))
    assert client.get(f"/v1/styles/{STYLE}/card.json").data == card


def test_chart_can_run_nothing(client: FlaskClient) -> None:
    """An SVG is a document: opened by itself, a script in it would run as the service's own."""
    policy = client.get(f"/v1/styles/{STYLE}/losses.svg").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy


def test_chart_that_the_client_has_is_not_sent_again(client: FlaskClient, world: World) -> None:
    address = f"/v1/styles/{STYLE}/losses.png"
    tag = {"If-None-Match": client.get(address).headers["ETag"]}
    assert client.get(address, headers=tag).status_code == 304
    world.objects.put(layout.style_file(STYLE, "losses.png"), b"one stage more")
    assert client.get(address, headers=tag).data == b"one stage more"


def test_chart_is_sent_only_where_it_is_the_one_asked_for(client: FlaskClient) -> None:
    other = {"If-Match": '"the one before"'}
    answer = client.get(f"/v1/styles/{STYLE}/losses.png", headers=other)
    assert slug(answer, 412) == "precondition-failed"


def test_stages_say_what_was_measured_and_which_strength_means_them(client: FlaskClient) -> None:
    answer = client.get(f"/v1/styles/{STYLE}/stages").get_json()
    first, last = answer["stages"]
    assert (first["stage"], first["ratio"], first["strength"]) == (0, 0.02, 0.0)
    assert (first["iterations"], first["seconds"], first["held_out"]) == (900, 61.5, None)
    assert (first["note"], last["strength"]) == (None, 1.0)
    assert last["note"] == "went back after 40 iterations: the loss became nan"
    assert answer["refused"] == [{"stage": 2, "ratio": 50.0, "reason": "it is no stronger"}]
    assert answer["notes"] == ["The corpus is small."]
    assert last["held_out"] == {"content": 0.4, "style": 0.04, "ssim": 0.6}
    assert client.get(last["previews"][0]).data == b"preview 1"


def test_a_style_says_whether_its_path_begins_at_the_photo(
    client: FlaskClient, world: World
) -> None:
    """Those of 0.1.0 do not; of one that does, the photo stands before the first stage."""
    assert client.get(f"/v1/styles/{STYLE}").get_json()["path_from"] == "first-stage"
    key = layout.style_index(STYLE)
    index = json.loads(world.objects.get(key))
    world.objects.put(key, json.dumps(index | {"path_from": "photo"}).encode())
    assert client.get(f"/v1/styles/{STYLE}").get_json()["path_from"] == "photo"
    stages = client.get(f"/v1/styles/{STYLE}/stages").get_json()["stages"]
    assert [stage["strength"] for stage in stages] == [0.0, 1.0]


def test_previews_are_listed_stage_by_stage(client: FlaskClient, world: World) -> None:
    """Only of stages that are published: those of the next one come before its net."""
    for stage, number in ((1, 10), (1, 2), (2, 0)):
        world.objects.put(layout.style_preview(STYLE, stage, number), b"x")
    previews = client.get(f"/v1/styles/{STYLE}/previews").get_json()["previews"]
    assert [(preview["stage"], preview["number"]) for preview in previews] == [
        (0, 0),
        (1, 0),
        (1, 2),
        (1, 10),
    ]
    assert client.get(previews[0]["address"]).content_type == "image/jpeg"


def test_card_of_another_make_hides_no_style(client: FlaskClient, world: World) -> None:
    for card in (b"[]", b"{", b'{"stages": 3, "licence": 4}', b'{"stages": [{"stage": 1}]}'):
        world.objects.put(layout.style_file(STYLE, "card.json"), card)
        assert client.get("/v1/styles").status_code == 200
        assert client.get(f"/v1/styles/{STYLE}/stages").get_json()["stages"][1]["note"] is None


def test_damaged_style_is_a_problem_of_those_who_ask_for_it(
    client: FlaskClient, world: World
) -> None:
    world.objects.put("styles/", b"")
    world.objects.put(layout.style_index("broken"), b"{")
    styles = client.get("/v1/styles").get_json()["styles"]
    assert [style["name"] for style in styles] == [STYLE]
    for address in ("/v1/styles/broken", "/v1/styles/broken/stages", "/v1/styles/nope"):
        assert slug(client.get(address), 404) == "style-missing"
    for style in ("broken", "nope"):
        album = {"style": style, "photos": {"keys": ["a.jpg"]}}
        assert slug(client.post("/v1/jobs", json=album), 422) == "style-missing"


def test_stray_files_among_the_previews_are_passed_over(client: FlaskClient, world: World) -> None:
    previews = client.get(f"/v1/styles/{STYLE}/previews").get_json()
    for name in ("", "thumb.jpg", "stage-1/thumb.jpg"):
        world.objects.put(layout.style_previews(STYLE) + name, b"x")
    assert client.get(f"/v1/styles/{STYLE}/previews").get_json() == previews
    assert client.get(f"/v1/styles/{STYLE}/stages").status_code == 200


@pytest.mark.parametrize("file", ["losses.svg", "card.json", "previews/0/9.jpg", "history.jsonl"])
def test_file_that_is_not_there_is_distinguished_from_a_style_that_is_not(
    client: FlaskClient, world: World, file: str
) -> None:
    if not file.startswith("previews"):
        world.objects.delete(layout.style_file(STYLE, file))
    assert slug(client.get(f"/v1/styles/{STYLE}/{file}"), 404) == "result-missing"
    assert slug(client.get(f"/v1/styles/cubism/{file}"), 404) == "style-missing"
    assert slug(client.get(f"/v1/styles/%00/{file}"), 404) == "style-missing"


@pytest.mark.parametrize("file", ["card.json", "losses.svg", "previews/stage-0/0.jpg"])
def test_files_of_a_style_that_was_never_published_are_not_served(
    client: FlaskClient, world: World, file: str
) -> None:
    """A training that is cut off as it publishes its first stage leaves them."""
    world.objects.put(layout.style_file("cubism", file), b"of somebody's own")
    address = file.replace("stage-", "")
    assert slug(client.get(f"/v1/styles/cubism/{address}"), 404) == "style-missing"


def test_preview_outside_the_numbers_is_nothing(client: FlaskClient) -> None:
    for address in ("previews/-1/0.jpg", "previews/0/x.jpg", "previews/0/0.png"):
        assert slug(client.get(f"/v1/styles/{STYLE}/{address}"), 404) == "not-found"


def test_corpora_are_listed_with_their_photos(client: FlaskClient, world: World) -> None:
    for name in ("coco-2", "coco2", "a"):
        add_corpus(world.objects, name, photos=3)
    world.objects.put("tenants/default/corpora/half/shards/00000.tar", b"photos")
    corpora = client.get("/v1/corpora").get_json()["corpora"]
    assert sorted((corpus["name"], corpus["photos"]) for corpus in corpora) == [
        ("a", 3),
        ("coco", 300),
        ("coco-2", 3),
        ("coco2", 3),
    ]


def test_photos_that_come_along_are_told_beside_ones_own(client: FlaskClient) -> None:
    starter = client.get("/v1/corpora").get_json()["starter"]
    assert (starter["name"], starter["photos"]) == ("starter", PHOTOS)
    assert "CC0" in starter["terms"]


@pytest.mark.parametrize("key", ["/x", "../corpus.json", "\n/corpus.json", "bad/corpus.json"])
def test_stray_or_damaged_corpus_hides_no_other(
    client: FlaskClient, world: World, key: str
) -> None:
    world.objects.put(f"tenants/default/corpora/{key}", b"{")
    corpora = client.get("/v1/corpora").get_json()["corpora"]
    assert [corpus["name"] for corpus in corpora] == ["coco"]


def test_a_tenant_sees_only_its_own_corpora() -> None:
    world = World(settings=Settings(api_keys={"alice": SecretStr("a"), "bob": SecretStr("b")}))
    add_corpus(world.objects, "bobs", tenant="bob")
    client = create_app(world.services()).test_client()
    seen = [
        client.get("/v1/corpora", headers={"Authorization": f"Bearer {key}"}).get_json()
        for key in "ab"
    ]
    assert [[corpus["name"] for corpus in answer["corpora"]] for answer in seen] == [[], ["bobs"]]
