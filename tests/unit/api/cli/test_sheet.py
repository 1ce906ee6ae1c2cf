"""`impasto styles sheet` and `strengths` against the app."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.main import app
from tests.fakes.services import STYLE, World, publish


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["styles", *arguments])


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo in a folder, below the one that commands run in."""
    (tmp_path / "album").mkdir()
    path = tmp_path / "album" / "my beach.png"
    path.write_bytes(b"photo")
    monkeypatch.chdir(tmp_path)
    return path


def test_sheet_of_all_styles_lies_in_this_folder(service: str, photo: Path) -> None:
    told = run("sheet", "album/my beach.png", "--url", service)
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [
        "my beach-styles.jpg",
        f"To paint it in full size: impasto stylize 'album/my beach.png' --style {STYLE} "
        "--strength 0.5",
    ]
    assert Path("my beach-styles.jpg").read_bytes() == b"picture"
    assert [path.name for path in photo.parent.iterdir()] == ["my beach.png"]


def test_sheet_takes_no_other_files_place(service: str, photo: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my beach-styles.jpg"
    mine.write_bytes(b"mine")
    told = run("sheet", str(photo), "--url", service)
    assert told.stdout.splitlines()[0] == "my beach-styles-2.jpg"
    assert mine.read_bytes() == b"mine"
    run("sheet", str(photo), "--overwrite", "--url", service)
    assert mine.read_bytes() == b"picture"


def test_some_styles_go_where_it_is_wished(service: str, photo: Path, world: World) -> None:
    for name in ("great-wave", "night"):
        publish(world.objects, name)
    chosen = ("--style", "night", "--style", STYLE, "--out", "out/choice.jpg", "--side", "128")
    told = run("sheet", str(photo), *chosen, "--json", "--url", service)
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert [one["style"] for one in answer["pictures"]] == ["night", STYLE]
    assert (answer["path"], answer["side"]) == ("out/choice.jpg", 128)
    assert Path("out/choice.jpg").read_bytes() == b"picture"
    told = run("sheet", str(photo), "--out", "out", "--url", service)
    assert told.stdout.splitlines()[0] == "out/my beach-styles.jpg"
    assert "--style NAME" in told.stdout


def test_strokes_of_the_sheet_are_those_of_the_hint(service: str, photo: Path) -> None:
    told = run("sheet", str(photo), "--stroke", "proportional", "--url", service)
    assert told.stdout.splitlines()[1].endswith("--strength 0.5 --stroke proportional")


def test_strengths_of_one_style(service: str, photo: Path) -> None:
    told = run("strengths", STYLE, str(photo), "--json", "--url", service)
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert [one["strength"] for one in answer["pictures"]] == [0.1, 0.25, 0.5, 0.75, 1.0]
    assert answer["path"] == f"my beach-{STYLE}.jpg"
    told = run("strengths", STYLE, str(photo), "--at", "0,0.5", "--json", "--url", service)
    assert [one["strength"] for one in json.loads(told.stdout)["pictures"]] == [0.0, 0.5]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("sheet", "gone.jpg"), "gone.jpg is not there."),
        (("sheet", "album"), "album is a folder"),
        (("sheet", "album/my beach.png", "--style", "sunflowers"), "'sunflowers'"),
        (("sheet", "album/my beach.png", "--out", "sheet.png"), "ends in .jpg"),
        (("strengths", STYLE, "album/my beach.png", "--at", "0;1"), "no list of numbers"),
        (("strengths", STYLE, "album/my beach.png", "--at", "2"), "less than or equal to 1"),
        (("strengths", "", "album/my beach.png"), "not the name of a style"),
    ],
)
def test_mistake_is_one_line(
    service: str, photo: Path, tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    told = run(*arguments, "--url", service)
    assert told.exit_code == 2
    assert line in told.stderr
    assert told.stdout == ""
    assert len(told.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["album"]
