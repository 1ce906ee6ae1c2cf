"""Albums in two styles at once, over HTTP and from the command line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from api.cli.main import app
from impasto_client import Client
from infra import layout
from infra.catalogue.style import Stage, Style
from tests.fakes.services import STYLE, World
from tests.unit.api.requests import photos, problem, slug

#: A style of the same first stage as STYLE, and one of another.
KIN, STRANGER = "great-wave", "stranger"


@pytest.fixture(autouse=True)
def styles(world: World) -> None:
    """Two more styles in the bucket."""
    for name, base in ((KIN, f"{0:064x}"), (STRANGER, "f" * 64)):
        nets = (base, f"{name:x<64}")
        style = Style(
            name=name,
            title=name,
            stages=tuple(
                Stage(stage=number, ratio=0.1 + number, sha256=net, key=f"nets/{net}")
                for number, net in enumerate(nets)
            ),
            published=datetime(2026, 1, 1, tzinfo=UTC),
        )
        world.objects.put(layout.style_index(name), style.model_dump_json().encode())


def painted_with(world: World, job: str) -> list[float]:
    """The weights of the nets that a job is painted with."""
    record = world.records.load(job)
    assert record is not None
    return [net.weight for net in record.spec.blend]


def test_form_says_name_and_share(client: FlaskClient, world: World) -> None:
    data = {"style": STYLE, "blend": f"{KIN}:0.25", "photos": photos("a.jpg")}
    job = client.post("/v1/jobs", data=data).get_json()
    assert job["blend"] == {"style": KIN, "share": 0.25}
    assert painted_with(world, job["id"]) == [0.75, 0.25]
    assert client.get(job["links"]["self"]).get_json()["blend"] == job["blend"]


def test_json_says_what_the_job_will_show(client: FlaskClient, world: World) -> None:
    world.objects.put("a.jpg", b"a photo")
    blend = {"style": KIN, "share": 0.5}
    body = {"style": STYLE, "strength": 0.5, "blend": blend, "photos": {"keys": ["a.jpg"]}}
    job = client.post("/v1/jobs", json=body).get_json()
    assert job["blend"] == blend
    assert painted_with(world, job["id"]) == [0.5, 0.25, 0.25]


def test_album_in_one_style_has_no_blend(client: FlaskClient) -> None:
    job = client.post("/v1/jobs", data={"style": STYLE, "photos": photos("a.jpg")}).get_json()
    assert job["blend"] is None


def test_styles_of_different_nets_are_refused_by_name(client: FlaskClient, world: World) -> None:
    before = set(world.objects.objects)
    data = {"style": STYLE, "blend": f"{STRANGER}:0.5", "photos": photos("a.jpg")}
    details = problem(client.post("/v1/jobs", data=data), 422)
    assert details["type"] == "urn:impasto:problem:styles-not-blendable"
    assert STYLE in details["detail"]
    assert STRANGER in details["detail"]
    assert set(world.objects.objects) == before


@pytest.mark.parametrize(
    ("blend", "pointer"),
    [
        (KIN, "/blend"),
        (f"{KIN}:", "/blend/share"),
        (f"{KIN}:most", "/blend/share"),
        (f"{KIN}:1.01", "/blend/share"),
        (f"{KIN}:-0.1", "/blend/share"),
        (f"{KIN}:nan", "/blend/share"),
        (":0.5", "/blend/style"),
    ],
)
def test_wrong_blend_is_named(client: FlaskClient, blend: str, pointer: str) -> None:
    data = {"style": STYLE, "blend": blend, "photos": photos("a.jpg")}
    details = problem(client.post("/v1/jobs", data=data), 422)
    assert [error["pointer"] for error in details["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("blend", "pointer"),
    [
        (f"{KIN}:0.5", "/blend"),
        ({"style": KIN}, "/blend/share"),
        ({"style": KIN, "share": "0.5"}, "/blend/share"),
        ({"style": KIN, "share": 0.5, "how": "well"}, "/blend/how"),
    ],
)
def test_wrong_blend_in_json_is_named(client: FlaskClient, blend: object, pointer: str) -> None:
    body = {"style": STYLE, "blend": blend, "photos": {"keys": ["a.jpg"]}}
    details = problem(client.post("/v1/jobs", json=body), 422)
    assert [error["pointer"] for error in details["errors"]] == [pointer]


def test_style_that_is_not_there_is_reported(client: FlaskClient) -> None:
    data = {"style": STYLE, "blend": "cubism:0.5", "photos": photos("a.jpg")}
    assert slug(client.post("/v1/jobs", data=data), 422) == "style-missing"


def test_command_line_mixes_styles(service: str, world: World, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a photo")
    command = ["stylize", str(photo), "--style", STYLE, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, "--blend", f"{KIN}:0.25", "--url", service])
    assert result.exit_code == 0, result.output
    with Client(service) as client:
        shown = client.jobs()[0].blend
    assert shown is not None
    assert (shown.style, shown.share) == (KIN, 0.25)


@pytest.mark.parametrize(
    ("blend", "message"),
    [
        (KIN, "NAME:SHARE"),
        (f"{KIN}:2", "between 0 and 1"),
        (f"{STRANGER}:0.5", "trained from different nets"),
        ("cubism:0.5", "cubism"),
    ],
)
def test_wrong_blend_is_one_line_and_exit_code_2(
    service: str, tmp_path: Path, blend: str, message: str
) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a photo")
    command = ["stylize", str(photo), "--style", STYLE, "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(app, [*command, "--blend", blend, "--url", service])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("blend", [None, (KIN, 0.5)])
def test_client_mixes_photos_that_are_stored(
    service: str, world: World, blend: tuple[str, float] | None
) -> None:
    world.objects.put("a.jpg", b"a photo")
    with Client(service) as client:
        job = client.submit_stored({"keys": ["a.jpg"]}, style=STYLE, blend=blend)
    assert (job.blend and (job.blend.style, job.blend.share)) == blend
