"""`impasto styles` against the app: whole styles in, out and about."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.main import app
from infra.bundled import BUNDLED_BACKBONE, BUNDLED_STYLES
from tests.fakes.services import STYLE, World
from tests.style_files import affine, members, net, unzipped, zipped


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "night.style.zip"
    path.write_bytes(zipped(members(), packed=True))
    return path


def test_a_style_goes_in_about_and_out(service: str, exported: Path, tmp_path: Path) -> None:
    url = ("--url", service)
    assert run("styles", "import", str(exported), *url).stdout == "Published night (shared).\n"
    assert "shared, yours" in run("styles", *url).stdout
    assert run("styles", "unshare", "night", *url).stdout == "Changed night (private).\n"
    renamed = run("styles", *url, "rename", "night", "dusk")  # the address before the verb
    assert renamed.stdout == "night is now dusk (private).\n"
    out = tmp_path / "out"
    out.mkdir()
    assert run("styles", "export", "dusk", "--out", str(out), *url).exit_code == 0
    held = unzipped((out / "dusk.style.zip").read_bytes())
    assert held["stage-2.safetensors"] == members()["stage-2.safetensors"]
    assert run("styles", "share", "dusk", "--json", *url).exit_code == 0
    assert run("styles", "delete", "dusk", *url).stdout == "Deleted dusk.\n"
    names = [style["name"] for style in json.loads(run("styles", "--json", *url).stdout)]
    assert names == [STYLE]


def test_an_export_takes_no_other_files_place(service: str, exported: Path, tmp_path: Path) -> None:
    run("styles", "import", str(exported), "--url", service)
    there = tmp_path / "mine.zip"
    there.write_bytes(b"mine")
    told = run("styles", "export", "night", "--out", str(there), "--url", service)
    assert told.stdout.strip() == str(tmp_path / "mine-2.zip")
    assert there.read_bytes() == b"mine"
    run("styles", "export", "night", "--out", str(there), "--overwrite", "--url", service)
    assert there.read_bytes()[:2] == b"PK"


def test_a_folder_of_the_trainer_is_published(service: str, world: World) -> None:
    folder = BUNDLED_STYLES / "great-wave"
    over = ("--backbone", str(BUNDLED_BACKBONE))
    told = run("styles", "import", str(folder), *over, "--name", "wave", "--url", service)
    assert told.stdout == "Published wave (shared).\n", told.output
    style = world.services().styles_of("default").get("wave")
    assert [world.objects.get(stage.key) for stage in style.stages] == [
        (folder / f"stage-{stage.stage}.safetensors").read_bytes() for stage in style.stages
    ]
    card = json.loads(world.services().styles.file("wave", "card.json"))
    mine = json.loads((folder / "card.json").read_text())
    assert card == {**mine, "name": "wave"}


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def test_a_folder_of_a_quick_style_is_published_with_its_backbone(
    service: str, tmp_path: Path
) -> None:
    backbone = tmp_path / "backbone.safetensors"
    backbone.write_bytes(net(1))
    nets = {0: affine(net(1), 1), 1: affine(net(1), 2, 1)}
    folder = write_folder(tmp_path / "quick", members(nets))
    refused = run("styles", "import", str(folder), "--url", service)
    assert refused.exit_code == 2
    assert "--backbone" in refused.stderr
    told = run("styles", "import", str(folder), "--backbone", str(backbone), "--url", service)
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "it has no card.json"),
        ({"card.json": b"{"}, "is no style card"),
        ({"card.json": b'{"name": "a", "title": "A", "stages": []}'}, "no finished stage yet"),
        (members() | {"stage-0.safetensors": net(9)}, "is not the net that the card names"),
        (
            {"card.json": members()["card.json"].replace(b"stage-0.s", b"../stage-0.s")},
            "is no style card",
        ),
    ],
)
def test_a_folder_that_is_no_style_is_refused_before_it_is_sent(
    service: str, tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    folder = write_folder(tmp_path / "folder", files)
    refused = run("styles", "import", str(folder), "--url", service)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export", "nothing"], "No style is called 'nothing'"),
        (["import", "nothing.zip"], "There is no nothing.zip"),
        (["import", os.devnull], "is missing or empty"),
        (["import", __file__], "is no ZIP file"),
        (["rename", STYLE, "mine"], "came with the service"),
        (["delete", STYLE], "came with the service"),
        (["share", "../night"], "is not the name of a style"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    service: str, tmp_path: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("styles", *arguments, "--url", service)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
