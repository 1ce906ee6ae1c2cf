"""`/v1/formats`: what it says is what the worker does, and what the client goes by."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli.main import app
from impasto_client import Client, photo_kinds
from infra.clutter import NO_PHOTOS
from infra.jobs.formats import ACCEPTED, REFUSED, RESULT_MEDIA_TYPES, PhotoFormat
from infra.settings import Settings
from tests.fakes.services import STYLE, World
from tests.photos import encoded, scene
from tests.unit.worker.pixels.test_pages import heic
from worker.pixels import PixelLimits, decode

LIMITS = {"max_photo_bytes": 900, "max_photo_megapixels": 7.5, "max_archive_bytes": 5000}


@pytest.fixture
def world() -> World:
    return World(settings=Settings.model_validate({**LIMITS, "max_album_photos": 3}))


def test_limits_are_those_that_the_service_runs_with(world: World) -> None:
    client = create_app(world.services()).test_client()
    assert client.get("/v1/formats").get_json()["limits"] == {
        "photo_bytes": 900,
        "photo_megapixels": 7.5,
        "archive_bytes": 5000,
        "album_photos": 3,
    }
    assert client.get("/").get_json()["links"]["formats"] == "/v1/formats"


@pytest.mark.parametrize("known", ACCEPTED, ids=lambda known: known.name)
def test_every_format_is_painted_and_comes_back_as_it_says(known: PhotoFormat) -> None:
    data = heic(scene()) if known.name == "HEIC" else encoded(scene(), known.name.upper())
    assert decode(data, PixelLimits(max_megapixels=1)).format == known.result
    assert known.result in RESULT_MEDIA_TYPES


def test_client_goes_by_the_same_suffixes() -> None:
    assert {suffix for known in ACCEPTED for suffix in known.suffixes} == (
        photo_kinds.PAINTED_SUFFIXES
    )
    refused = {suffix for kind in REFUSED for suffix in kind.suffixes}
    assert refused >= photo_kinds.REFUSED_SUFFIXES
    # What is neither a picture nor a film is sent by nobody, and told by name where it is.
    assert refused - photo_kinds.REFUSED_SUFFIXES - NO_PHOTOS == {".svg", ".pdf"}


def test_command_line_lists_them(service: str) -> None:
    told = CliRunner().invoke(app, ["formats", "--url", service])
    assert told.exit_code == 0, told.output
    heic_line = next(line for line in told.stdout.splitlines() if line.startswith("HEIC"))
    assert ".heic .heif .hif" in heic_line
    assert heic_line.split()[-1] == "JPEG"
    assert "7.5 megapixels" in told.stdout
    assert "an album 3 photos" in told.stdout
    as_json = CliRunner().invoke(app, ["formats", "--json", "--url", service])
    assert json.loads(as_json.stdout)["limits"]["photo_megapixels"] == 7.5
    with Client(service) as client:
        assert client.formats().limits.archive_bytes == 5000


def test_command_line_keeps_to_the_limits_of_the_service(service: str, tmp_path: Path) -> None:
    """And not to those of the machine that it runs on."""
    for name, size in {"a.jpg": 900, "b.jpg": 901}.items():
        (tmp_path / name).write_bytes(bytes(size))
    out = tmp_path / "out"
    command = ["stylize", str(tmp_path), "--style", STYLE, "--out", str(out), "--url", service]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert [path.name for path in out.iterdir()] == ["a.jpg"]
    assert "b.jpg has 901 bytes, more than the 900 bytes allowed" in result.stderr
    for number in range(3):  # and what is painted lies in --out, which is passed over
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "There are 4 photos, and an album may have 3" in result.stderr
