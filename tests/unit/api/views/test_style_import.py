"""What comes as a style and is none: refused with its reason, and nothing of it is kept."""

import io
import json

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from infra.settings import Settings
from tests.fakes.services import World
from tests.style_files import members, unzipped, zipped


def send(client: FlaskClient, *fields: tuple[str, object]) -> TestResponse:
    data = "multipart/form-data"
    return client.post("/v1/styles", data=dict(fields), content_type=data)


def file(body: bytes) -> tuple[str, object]:
    return ("file", (io.BytesIO(body), "night.style.zip"))


def refusal(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["type"].rpartition(":")[2]


def test_fields_may_come_before_the_file_or_after_it(client: FlaskClient) -> None:
    for number, place in enumerate((0, 1)):
        fields: list[tuple[str, object]] = [("name", f"night-{number}")]
        fields.insert(place, file(zipped(members())))
        answer = send(client, *fields)
        assert (answer.status_code, answer.get_json()["name"]) == (201, f"night-{number}")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ([("name", "night")], "/file"),
        ([("file", "text")], "/file"),
        ([file(b"")], "/file"),
        ([file(zipped(members())), ("name", "No Name")], "/name"),
        ([file(zipped(members())), ("visibility", "secret")], "/visibility"),
        ([file(zipped(members())), ("owner", "bob")], "/owner"),
        ([("picture", (io.BytesIO(b"x"), "x.jpg"))], "/picture"),
    ],
)
def test_a_form_that_is_wrong_says_where(
    client: FlaskClient, world: World, fields: list[tuple[str, object]], pointer: str
) -> None:
    before = dict(world.objects.objects)
    refused = send(client, *fields)
    assert refusal(refused) == (422, "invalid-request")
    assert refused.get_json()["errors"][0]["pointer"] == pointer
    assert world.objects.objects == before


@pytest.mark.parametrize(
    ("told", "meant"), [("photo", "photo"), ("first-stage", "first-stage"), (None, "first-stage")]
)
def test_where_a_path_begins_goes_with_the_style(
    client: FlaskClient, told: str | None, meant: str
) -> None:
    """Through import, rename and export, and in again; old files do not say."""
    send(client, file(zipped(members(path_from=told))))
    client.patch("/v1/styles/night", json={"name": "dusk"})
    exported = client.get("/v1/styles/dusk/export").data
    assert json.loads(unzipped(exported)["card.json"])["path_from"] == meant
    assert send(client, file(exported), ("name", "again")).status_code == 201
    for name in ("dusk", "again"):
        assert client.get(f"/v1/styles/{name}").get_json()["path_from"] == meant


def test_a_path_that_begins_elsewhere_is_refused(client: FlaskClient) -> None:
    refused = send(client, file(zipped(members(path_from="painting"))))
    assert refusal(refused) == (422, "style-file-rejected")


def lying_size() -> bytes:
    """A member that unpacks to more than the directory says."""
    body = bytearray(zipped(members(), packed=True))
    at = body.find(b"PK\x01\x02")
    size = int.from_bytes(body[at + 24 : at + 28], "little")
    body[at + 24 : at + 28] = (size - 1).to_bytes(4, "little")
    return bytes(body)


def twice() -> bytes:
    """A file in which one name stands for two members."""
    body = zipped(members() | {"card.jsoo": b"{}"})
    return body.replace(b"card.jsoo", b"card.json")


def encrypted() -> bytes:
    body = bytearray(zipped(members()))
    body[body.find(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


@pytest.mark.parametrize(
    "body",
    [
        b"PK",
        b"no zip at all" * 100,
        zipped(members())[:-10],
        zipped(members())[10:],
        zipped({}),
        zipped({"manifest.json": b"{}"}),
        zipped({f"{number}.jpg": b"" for number in range(1100)}),
        zipped(members() | {"../../style.json": b"{}"}),
        zipped(members() | {"bomb.jpg": bytes(8 * 2**20)}, packed=True),
        lying_size(),
        twice(),
        encrypted(),
    ],
)
def test_a_file_that_is_no_style_is_refused(client: FlaskClient, world: World, body: bytes) -> None:
    before = dict(world.objects.objects)
    assert refusal(send(client, file(body))) == (422, "style-file-rejected")
    assert world.objects.objects == before


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_over_the_limit_is_refused(packed: bool) -> None:
    """As it comes, and as it unpacks."""
    world = World(settings=Settings(max_style_bytes=100_000))
    client = create_app(world.services()).test_client()
    body = zipped(members() | {"contact-sheet.jpg": bytes(200_000)}, packed=packed)
    assert (len(body) < 100_000) == packed
    before = dict(world.objects.objects)
    assert refusal(send(client, file(body))) == (413, "style-too-large")
    assert world.objects.objects == before


def test_only_forms_and_json_are_taken(client: FlaskClient) -> None:
    sent = client.post("/v1/styles", data=b"PK", content_type="application/zip")
    assert refusal(sent) == (415, "unsupported-media-type")
    sent = client.patch("/v1/styles/night", data="x", content_type="text/plain")
    assert refusal(sent) == (415, "unsupported-media-type")
