"""Results on this disk: each in its photo's place, in nobody else's, and with its time."""

import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.main import app
from impasto_client import Client
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome
from tests.fakes.services import STYLE, World


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Photos of one name in two folders; the fake service paints each under its own name."""
    folder = tmp_path / "album"
    for name in ("a.jpg", "b.png", "sub/a.jpg", "sub/deep/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def stylize(service: str, out: Path, *arguments: str | Path) -> Result:
    texts = [str(argument) for argument in arguments]
    return run("stylize", *texts, "--style", STYLE, "--out", str(out), "--url", service)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def repaint(world: World, text: str) -> None:
    """Let the service paint other pictures from now on."""

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        outcome = World.paint(world, spec, photo)
        assert outcome.result is not None
        world.objects.put(outcome.result, text.encode())
        return outcome

    world.paint = paint


def test_sub_folders_come_back_as_sub_folders(service: str, album: Path, tmp_path: Path) -> None:
    result = stylize(service, tmp_path / "out", album)
    assert result.exit_code == 0, result.output
    assert set(files(tmp_path / "out")) == {"a.jpg", "b.png", "sub/a.jpg", "sub/deep/c.jpg"}


def test_results_have_the_times_of_their_photos(service: str, album: Path, tmp_path: Path) -> None:
    taken = 1_262_304_000_000_000_000  # the first second of 2010, UTC
    os.utime(album / "sub" / "a.jpg", ns=(taken, taken))
    stylize(service, tmp_path / "out", album)
    assert (tmp_path / "out" / "sub" / "a.jpg").stat().st_mtime_ns == taken
    for name in files(album):
        original = (album / name).stat().st_mtime_ns
        assert (tmp_path / "out" / name).stat().st_mtime_ns == original


def test_watching_gives_results_the_times_of_their_photos(
    service: str, album: Path, tmp_path: Path
) -> None:
    """From another machine too: the service was told when each file was changed."""
    taken = 1_262_304_000  # the first second of 2010, UTC
    os.utime(album / "sub" / "a.jpg", (taken, taken + 0.75))
    with zipfile.ZipFile(album / "old.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("b.jpg", (2001, 2, 3, 4, 5, 6)), b"b")
    stylize(service, tmp_path / "out", album)
    (job,) = json.loads(run("jobs", "--json", "--url", service).stdout)
    result = run("watch", job["id"], "--out", str(tmp_path / "again"), "--url", service)
    assert result.exit_code == 0, result.output
    for out in ("out", "again"):
        assert int((tmp_path / out / "sub" / "a.jpg").stat().st_mtime) == taken
        member = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()
        assert (tmp_path / out / "old" / "b.jpg").stat().st_mtime == member


def test_results_that_are_there_are_left_as_they_are(
    service: str, album: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stylize(service, out, album)
    before = {path: path.stat().st_ino for path in out.rglob("*")}
    result = stylize(service, out, album)
    assert result.exit_code == 0
    assert "4 of the results were there already, the same." in result.stderr
    assert {path: path.stat().st_ino for path in out.rglob("*")} == before


def test_other_file_keeps_its_name_and_the_result_gets_a_new_one(
    service: str, album: Path, tmp_path: Path, world: World
) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    (out / "a.jpg").write_bytes(b"my own")
    (out / "sub" / "a.jpg").write_bytes(b"mine too")
    result = stylize(service, out, album, "--json")
    assert result.exit_code == 0
    assert files(out)["a.jpg"] == b"my own"
    assert files(out)["a-2.jpg"] == b"painted a.jpg"
    assert files(out)["sub/a.jpg"] == b"mine too"
    assert f"{out}/a.jpg is another file and stays; the new one is a-2.jpg" in result.stderr
    paths = [photo["path"] for photo in json.loads(result.stdout)["photos"]]
    assert paths[:3:2] == [f"{out}/a-2.jpg", f"{out}/sub/a-2.jpg"]
    again = stylize(service, out, album)
    assert "a-3.jpg" not in files(out)
    assert again.exit_code == 0
    repaint(world, "otherwise")
    stylize(service, out, album)
    assert files(out)["a-3.jpg"] == b"otherwise"


def test_overwrite_replaces_results_but_never_a_photo(
    service: str, album: Path, tmp_path: Path, world: World
) -> None:
    out = tmp_path / "out"
    stylize(service, out, album)
    repaint(world, "anew")
    result = stylize(service, out, album, "--overwrite")
    assert result.exit_code == 0
    assert files(out) == dict.fromkeys(("a.jpg", "b.png", "sub/a.jpg", "sub/deep/c.jpg"), b"anew")
    photo = album / "sub" / "a.jpg"
    stylize(service, album, photo, "--overwrite")  # next to a photo that is not in this album
    assert files(album)["a.jpg"] == b"anew"
    stylize(service, album / "sub", album / "b.png", photo.parent / "deep", photo, "--overwrite")
    assert photo.read_bytes() == b"sub/a.jpg"


def test_zip_among_photos_comes_back_as_a_folder_of_its_name(
    service: str, album: Path, tmp_path: Path
) -> None:
    """Photos beside it have their times; what in it can be no photo is told in one line."""
    with zipfile.ZipFile(album / "sub" / "trip.zip", "w") as archive:
        for name in ("a.jpg", "day 1/b.jpg", "clip.mov"):
            archive.writestr(name, name)
    result = stylize(service, tmp_path / "out", album)
    assert result.exit_code == 0, result.output
    there = {"a.jpg", "b.png", "sub/a.jpg", "sub/deep/c.jpg"}
    assert set(files(tmp_path / "out")) == there | {"sub/trip/a.jpg", "sub/trip/day 1/b.jpg"}
    for name in there:
        original = (album / name).stat().st_mtime_ns
        assert (tmp_path / "out" / name).stat().st_mtime_ns == original
    assert len([line for line in result.stderr.splitlines() if "clip.mov" in line]) == 1
    with Client(service) as client:
        job = client.jobs()[0].id
    run("watch", job, "--out", str(tmp_path / "again"), "--url", service)
    assert set(files(tmp_path / "again")) == set(files(tmp_path / "out"))


def test_watch_overwrites_nothing_either(service: str, album: Path, tmp_path: Path) -> None:
    with Client(service) as client:
        job = client.submit([album / "a.jpg"], style=STYLE)
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"my own")
    for _ in range(2):
        result = run("watch", job.id, "--out", str(out), "--url", service)
        assert "the new one is a-2.jpg" in result.stderr
    assert files(out) == {"a.jpg": b"my own", "a-2.jpg": b"painted a.jpg"}
    run("watch", job.id, "--out", str(out), "--overwrite", "--url", service)
    assert files(out)["a.jpg"] == b"painted a.jpg"


def test_second_painting_of_here_leaves_the_first_ones_alone(
    service: str, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    for _ in range(2):
        result = run("stylize", ".", "--style", STYLE, "--url", service, "--json")
        assert len(json.loads(result.stdout)["photos"]) == 4
    assert len(files(album / "paintings")) == 4


def test_photo_of_the_name_keeps_it(
    service: str, tmp_path: Path, world: World, album: Path
) -> None:
    """A BMP comes back as PNG, but not in the place of the PNG's own result."""

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        stem, _, suffix = photo.name.rpartition(".")
        name = photo.name if suffix == "png" else f"{photo.stem or stem}.png"
        return World.paint(world, spec, photo).model_copy(update={"result_name": name})

    world.paint = paint
    folder = tmp_path / "same"
    folder.mkdir()
    for name in ("a.bmp", "a.gif", "a.png"):
        (folder / name).write_bytes(name.encode())
    result = stylize(service, tmp_path / "out", folder, "--json")
    paths = {
        Path(p["photo"]).name: Path(p["path"]).name for p in json.loads(result.stdout)["photos"]
    }
    assert paths == {"a.png": "a.png", "a.bmp": "a-2.png", "a.gif": "a-3.png"}
    assert files(tmp_path / "out")["a.png"] == b"painted a.png"


def test_what_is_left_out_is_reported_and_the_others_are_painted(
    service: str, album: Path, tmp_path: Path
) -> None:
    (album / "clip.mov").write_bytes(b"film")
    (album / "gone.jpg").symlink_to("nowhere.jpg")
    (album / "link").symlink_to(tmp_path)
    result = stylize(service, tmp_path / "out", album)
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert f"left out: {album}/gone.jpg cannot be read (No such file or directory)" in told
    assert len([line for line in told if line.startswith(f"left out: {album}/link ")]) == 1
    assert "1 file is no photo and not sent (.mov)." in told
    assert len(files(tmp_path / "out")) == 4
    answer = json.loads(stylize(service, tmp_path / "out", album, "--json").stdout)
    assert [Path(item["photo"]).name for item in answer["left_out"]] == ["gone.jpg", "link"]


@pytest.mark.parametrize("command", ["stylize", "watch"])
def test_notes_of_photos_are_reported_a_line_each(
    service: str, album: Path, tmp_path: Path, world: World, command: str
) -> None:
    note = "The file holds 3 pages; the first is painted."

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        outcome = World.paint(world, spec, photo)
        return outcome.model_copy(update={"note": note} if photo.name == "b.png" else {})

    world.paint = paint
    result = stylize(service, tmp_path / "out", album, "--format", "avif")
    if command == "watch":
        (job,) = json.loads(run("jobs", "--json", "--url", service).stdout)
        assert job["format"] == "avif"
        result = run("watch", job["id"], "--url", service)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stderr.splitlines() if note in line]
    assert line.endswith(f"b.png: {note}")
