"""Styles over HTTP."""

from flask.testing import FlaskClient

from infra import layout
from tests.fakes.services import STYLE, World, publish
from tests.unit.api.test_jobs import slug


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
    assert (sheet.content_type, sheet.data) == ("image/jpeg", b"sheet")


def test_style_without_a_contact_sheet_says_so(client: FlaskClient, world: World) -> None:
    world.objects.delete(layout.style_file(STYLE, "contact-sheet.jpg"))
    assert slug(client.get(f"/v1/styles/{STYLE}/contact-sheet.jpg"), 404) == "result-missing"


def test_unknown_or_hostile_style_is_missing(client: FlaskClient) -> None:
    for name in ("cubism", "..", "%00", "a" * 300):
        assert slug(client.get(f"/v1/styles/{name}"), 404) in ("style-missing", "not-found")
