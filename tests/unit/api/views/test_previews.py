"""Previews over HTTP: what may be asked, what is answered, and that tenants are apart."""

import io
import threading
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from api.app import create_app
from infra.jobs.domain.model import Problem
from infra.previews.intake import MAX_TENANT_OPEN
from infra.previews.model import MAX_PICTURES
from infra.settings import Settings
from tests.fakes.services import STYLE, World, publish
from tests.unit.api.requests import problem, slug

FAULT = Problem(type="truncated-photo", detail="The file ends too early; send it again.")


def send(client: FlaskClient, body: bytes = b"photo", **how: Any) -> TestResponse:  # noqa: ANN401
    headers = how.pop("headers", {})
    data = {**how, "photo": (io.BytesIO(body), "beach.jpg")}
    return client.post(
        "/v1/previews", data=data, content_type="multipart/form-data", headers=headers
    )


def pictures(response: TestResponse) -> list[tuple[str, float]]:
    assert response.status_code == 202, response.text
    return [(one["style"], one["strength"]) for one in response.get_json()["pictures"]]


def sheet(client: FlaskClient, world: World, **how: Any) -> dict[str, Any]:  # noqa: ANN401
    """Send a preview, let it be painted, and return it."""
    location = send(client, **how).headers["Location"]
    world.preview()
    found = client.get(location)
    assert found.status_code == 200
    return found.get_json()


def test_sheet_of_all_styles_is_asked_for_and_fetched(client: FlaskClient, world: World) -> None:
    publish(world.objects, "great-wave")
    sent = send(client)
    assert pictures(sent) == [("great-wave", 1.0), (STYLE, 1.0)]
    assert sent.headers["Retry-After"] == "1"
    preview = sent.get_json()
    assert (preview["state"], preview["side"], preview["sheet"]) == ("queued", 512, None)
    assert sent.headers["Location"] == preview["links"]["self"]
    page = client.get(preview["links"]["self"])
    assert page.get_json() == preview
    assert slug(client.get(f"{preview['links']['self']}/sheet.jpg"), 404) == "result-missing"
    world.preview()
    found = client.get(preview["links"]["self"]).get_json()
    assert (found["state"], found["error"]) == ("succeeded", None)
    assert {key: found["sheet"][key] for key in ("width", "height", "bytes")} == {
        "width": 4,
        "height": 3,
        "bytes": 7,
    }
    file = client.get(found["sheet"]["address"])
    assert (file.data, file.content_type) == (b"picture", "image/jpeg")
    again = client.get(found["sheet"]["address"], headers={"If-None-Match": file.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/v1/jobs").get_json()["jobs"] == []


def test_photo_is_kept_as_it_came_until_a_worker_looks(client: FlaskClient, world: World) -> None:
    body = bytes(range(256)) * 50
    preview = send(client, body).get_json()["id"]
    assert world.objects.objects[f"tenants/default/previews/{preview}/photo"] == body


def test_one_style_is_shown_at_several_strengths(client: FlaskClient) -> None:
    assert pictures(send(client, style=STYLE)) == [
        (STYLE, strength) for strength in (0.1, 0.25, 0.5, 0.75, 1.0)
    ]
    assert pictures(send(client, style=STYLE, strengths="0, 0.5")) == [(STYLE, 0.0), (STYLE, 0.5)]
    assert pictures(send(client, style=STYLE, strengths=["0", "1"])) == [(STYLE, 0.0), (STYLE, 1.0)]


def test_styles_are_named_in_the_order_that_is_wished(client: FlaskClient, world: World) -> None:
    publish(world.objects, "great-wave")
    for styles in (f"{STYLE},great-wave", [STYLE, "great-wave"]):
        assert pictures(send(client, styles=styles)) == [(STYLE, 1.0), ("great-wave", 1.0)]


def test_pictures_come_one_by_one(client: FlaskClient, world: World) -> None:
    found = sheet(client, world, style=STYLE, strengths="0.5,1", sheet="false", side="64")
    assert (found["sheet"], found["side"], found["stroke"]) == (None, 64, "native")
    addresses = [one["address"] for one in found["pictures"]]
    assert [client.get(address).data for address in addresses] == [b"picture", b"picture"]
    other = f"{found['links']['self']}/pictures/2.jpg"
    assert slug(client.get(other), 404) == "result-missing"
    assert slug(client.get(f"{found['links']['self']}/sheet.jpg"), 404) == "result-missing"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"side": "63"}, "/side"),
        ({"side": "1025"}, "/side"),
        ({"side": "big"}, "/side"),
        ({"strengths": "0.5"}, ""),
        ({"style": STYLE, "styles": STYLE}, ""),
        ({"style": STYLE, "strengths": "0.5,1.5"}, "/strengths/1"),
        ({"style": STYLE, "strengths": "nan"}, "/strengths/0"),
        ({"style": STYLE, "strengths": " , "}, "/strengths"),
        ({"style": STYLE, "strengths": ",".join(["1"] * (MAX_PICTURES + 1))}, "/strengths"),
        ({"styles": ""}, "/styles"),
        ({"sheet": "perhaps"}, "/sheet"),
        ({"stroke": "broad"}, "/stroke"),
        ({"colour": "red"}, "/colour"),
        ({"side": ["64", "128"]}, "/side"),
    ],
)
def test_what_cannot_be_painted_is_refused(
    client: FlaskClient, world: World, fields: dict[str, Any], where: str
) -> None:
    refused = problem(send(client, **fields), 422)
    assert refused["errors"][0]["pointer"] == where
    assert not [key for key in world.objects.objects if key.startswith("previews/")]
    assert world.preview_queue.open() == []


@pytest.mark.parametrize("fields", [{"style": "sunflowers"}, {"styles": f"{STYLE},sunflowers"}])
def test_unknown_style_is_named(client: FlaskClient, fields: dict[str, Any]) -> None:
    refused = problem(send(client, **fields), 422)
    assert refused["type"].endswith("style-missing")
    assert "sunflowers" in refused["detail"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"photo": "no file"},
        {"photo": (io.BytesIO(b""), "empty.jpg")},
        {"photo": [(io.BytesIO(b"1"), "1.jpg"), (io.BytesIO(b"2"), "2.jpg")]},
        {"photos": (io.BytesIO(b"1"), "1.jpg")},
    ],
    ids=["none", "text", "empty", "two", "other field"],
)
def test_a_preview_is_of_one_photo(client: FlaskClient, world: World, data: dict[str, Any]) -> None:
    answer = client.post("/v1/previews", data=data, content_type="multipart/form-data")
    assert slug(answer, 422) == "invalid-request"
    assert not [key for key in world.objects.objects if key.endswith("/photo")]


def test_body_that_is_no_form_is_refused(client: FlaskClient) -> None:
    assert slug(client.post("/v1/previews", json={}), 415) == "unsupported-media-type"
    bare = client.post("/v1/previews", data=b"x", content_type="multipart/form-data")
    assert slug(bare, 400) == "malformed-request"


def test_large_photo_and_many_styles_are_refused() -> None:
    world = World(settings=Settings(max_photo_bytes=10))
    client = create_app(world.services()).test_client()
    assert slug(send(client, b"x" * 11), 413) == "album-too-large"
    for number in range(MAX_PICTURES):
        publish(world.objects, f"style-{number}")
    refused = problem(send(client), 422)
    assert f"There are {MAX_PICTURES + 1} styles" in refused["detail"]


def test_flood_is_refused(client: FlaskClient) -> None:
    for _ in range(MAX_TENANT_OPEN):
        assert send(client).status_code == 202
    refused = send(client)
    assert slug(refused, 429) == "queue-full"
    assert refused.headers["Retry-After"] == "5"


def test_answer_is_held_until_the_sheet_is_there(client: FlaskClient, world: World) -> None:
    def work() -> None:
        time.sleep(0.3)
        world.preview()

    worker = threading.Thread(target=work)
    worker.start()
    answer = send(client, headers={"Prefer": "respond-async, wait=10"})
    worker.join()
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert "Retry-After" not in answer.headers
    assert answer.get_json()["state"] == "succeeded"
    assert answer.headers["Location"] == answer.get_json()["links"]["self"]


@pytest.mark.parametrize("prefer", ["wait=1", 'wait="1"; foo', "WAIT = 1"])
def test_answer_is_held_no_longer_than_wished(client: FlaskClient, prefer: str) -> None:
    began = time.monotonic()
    answer = send(client, headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert 1 <= time.monotonic() - began < 5


@pytest.mark.parametrize("prefer", ["", "wait", "wait=-1", "wait=x", "wait=²", "handling=strict"])
def test_other_preferences_hold_nothing(client: FlaskClient, prefer: str) -> None:
    answer = send(client, headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


def answer_soon(world: World, error: Problem | None = None) -> threading.Thread:
    """Let a worker answer the first message that comes."""

    def work() -> None:
        until = time.monotonic() + 10
        while not world.notifier.preview_messages and time.monotonic() < until:
            time.sleep(0.01)
        world.preview(error=error)

    worker = threading.Thread(target=work)
    worker.start()
    return worker


def test_sheet_itself_may_be_the_answer(client: FlaskClient, world: World) -> None:
    wish = {"Prefer": "wait=10", "Accept": "image/jpeg"}
    worker = answer_soon(world)
    answer = send(client, headers=wish)
    worker.join()
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"picture", "image/jpeg")
    assert answer.headers["Content-Location"] == f"{answer.headers['Location']}/sheet.jpg"
    worker = answer_soon(world, FAULT)
    failed = problem(send(client, headers=wish), 422)
    worker.join()
    assert failed["type"].endswith("preview-failed")
    assert "truncated-photo" in failed["detail"]


def test_failed_preview_says_why(client: FlaskClient, world: World) -> None:
    location = send(client).headers["Location"]
    world.preview(error=FAULT)
    found = client.get(location).get_json()
    assert found["state"] == "failed"
    assert found["error"] == FAULT.model_dump()
    missing = problem(client.get(f"{location}/sheet.jpg"), 404)
    assert FAULT.detail in missing["detail"]


def test_tenants_never_see_each_others_previews() -> None:
    keys = {"alice": SecretStr("a"), "bob": SecretStr("b")}
    world = World(settings=Settings(api_keys=keys))
    client = create_app(world.services()).test_client()
    alice, bob = ({"Authorization": f"Bearer {key}"} for key in "ab")
    preview = send(client, headers=alice).get_json()
    world.preview()
    page = preview["links"]["self"]
    assert client.get(page, headers=alice).get_json()["state"] == "succeeded"
    for address in (page, f"{page}/sheet.jpg", f"{page}/pictures/0.jpg"):
        assert slug(client.get(address, headers=bob), 404) == "preview-missing"
        assert client.get(address).status_code == 401
    assert client.post("/v1/previews").status_code == 401


def test_outage_takes_nothing_in(client: FlaskClient, world: World) -> None:
    world.preview_queue.down = True
    assert slug(send(client), 503) == "service-unavailable"
    world.preview_queue.down = False
    assert world.preview_queue.open() == []
