"""The command line against the app."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.album import ResultCollector
from api.cli.main import app
from api.cli.photos import check_out
from api.cli.progress import duration
from api.cli.result_folder import ResultFolder
from api.cli.service import UsageError, find_url
from impasto_client import Client
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome, Problem
from infra.settings import Settings
from tests.fakes.services import STYLE, World


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.jpg", "a.png", "sub/a.png", "notes.txt", ".hidden.jpg"):
        (folder / name).write_bytes(name.encode())
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_folder_comes_back_as_paintings(service: str, album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["stylize", str(album), "--style", STYLE, "--out", str(out), "--url", service]
    result = run(*command)
    assert result.exit_code == 0, result.output
    painted = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert painted == ["a.png", "b.jpg", "sub/a.png"]
    assert (out / "b.jpg").read_bytes() == b"painted b.jpg"
    assert f"{out}/b.jpg" in result.stdout
    assert "4×3" in result.stdout


def test_failed_photo_is_reported_with_its_reason(
    service: str, album: Path, tmp_path: Path, world: World
) -> None:
    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        if photo.name == "b.jpg":
            error = Problem(type="not-an-image", detail="The file is no image.")
            return PhotoOutcome(index=photo.index, error=error)
        return World.paint(world, spec, photo)

    world.paint = paint
    out = tmp_path / "out"
    result = run("stylize", str(album), "--style", STYLE, "--out", str(out), "--url", service)
    assert result.exit_code == 1
    assert "not-an-image" in result.stdout
    assert "b.jpg" in result.stdout
    assert str(album) not in result.stdout  # what all photos share only makes the table wide
    assert "2 of 3 photos are painted, 1 failed" in result.stderr
    (line,) = [line for line in run("jobs", "--url", service).stdout.splitlines() if STYLE in line]
    assert "2/3 photos" in line
    assert line.endswith("succeeded, 1 failed")
    assert {path.name for path in out.iterdir()} == {"a.png", "sub"}


def test_answer_for_scripts_is_json_and_nothing_else(
    service: str, album: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--style", STYLE, "--stroke", "proportional", "--out", str(out), "--json")
    result = run("stylize", str(album), *options, "--url", service)
    answer = json.loads(result.stdout)
    assert answer["job"]["state"] == "succeeded"
    assert answer["job"]["stroke"] == "proportional"
    assert [photo["photo"] for photo in answer["photos"]] == [
        str(album / name) for name in ("a.png", "b.jpg", "sub/a.png")
    ]
    assert all(Path(photo["path"]).is_file() for photo in answer["photos"])


def test_watch_fetches_what_an_interrupted_command_left(
    service: str, album: Path, tmp_path: Path
) -> None:
    with Client(service) as client:
        job = client.submit([album / "b.jpg"], style=STYLE)
    result = run("watch", job.id, "--out", str(tmp_path / "later"), "--url", service)
    assert result.exit_code == 0
    assert (tmp_path / "later" / "b.jpg").is_file()


def test_styles_and_jobs_are_listed(service: str, album: Path) -> None:
    assert "water-lilies" in run("styles", "--url", service).stdout
    assert json.loads(run("styles", "--json", "--url", service).stdout)[0]["name"] == STYLE
    assert "no jobs" in run("jobs", "--url", service).stdout
    with Client(service) as client:
        job = client.submit([album / "b.jpg"], style=STYLE)
    assert job.id in run("jobs", "--url", service).stdout
    assert job.id in run("cancel", job.id, "--url", service).stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["styles"], "impasto up"),
        (["watch", "0" * 26], "impasto up"),
        (["styles", "--url", "nonsense"], "nonsense"),
    ],
)
def test_no_service_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_URL", "http://127.0.0.1:9")
    result = run(*arguments)
    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_wrong_use_is_one_line_and_exit_code_2(service: str, album: Path) -> None:
    for arguments, line in (
        ([str(album), "--style", "cubism"], "cubism"),
        ([str(album / "gone.jpg"), "--style", STYLE], "is not there"),
        ([str(album / "b.jpg"), "--style", STYLE, "--blend", ""], "NAME:SHARE"),
        ([str(album / "b.jpg"), "--style", STYLE, "--out", str(album)], "another folder"),
        ([str(album / "b.jpg"), "--style", STYLE, "--out", str(album / "a.png")], "is a file"),
        ([str(album / "b.jpg"), "--style", STYLE, "--out", f"{album}/a.png/x/y"], "is a file"),
    ):
        result = run("stylize", *arguments, "--url", service)
        assert result.exit_code == 2
        assert line in result.stderr
        assert result.stderr.count("\n") == 1


def test_what_was_typed_need_not_be_text(service: str, album: Path) -> None:
    photo, strange = str(album / "b.jpg"), "x\udcff"
    for command in (
        ["watch", "a\x01b"],
        ["cancel", ""],
        ["retry", strange],
        ["stylize", photo, "--style", strange],
        ["stylize", photo, "--style", STYLE, "--blend", f"{strange}:0.5"],
        ["train", photo, "--name", strange],
        ["train", photo, "--name", "night", "--title", strange],
    ):
        result = run(*command, "--url", service)
        assert result.exit_code == 2, result.output
        assert result.stderr.splitlines()[-1].startswith("impasto: ")


@pytest.mark.parametrize("command", ["styles", "doctor", "up"])
@pytest.mark.parametrize(
    ("variable", "value"), [("IMPASTO_PORT", "many"), ("IMPASTO_API_KEYS", "alice:SECRET")]
)
def test_wrong_environment_is_named_in_one_line(
    variable: str, value: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    result = run(*command.split())
    assert result.exit_code == 2
    assert variable in result.stderr
    assert "SECRET" not in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("variable", ["IMPASTO_S3_ENDPOINT", "IMPASTO_REDIS_URL"])
def test_doctor_names_a_server_that_cannot_be_one(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("IMPASTO_S3_ACCESS_KEY", "AKIA")
    monkeypatch.setenv("IMPASTO_S3_SECRET_KEY", "s")
    monkeypatch.setenv("IMPASTO_REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv(variable, "nonsense")
    result = run("doctor")
    assert result.exit_code == 2
    assert variable in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("named", ["option", "variable"])
def test_doctor_looks_for_the_service_that_is_named(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9"
    if named == "variable":
        monkeypatch.setenv("IMPASTO_URL", url)
    result = run("doctor", *(["--url", url] if named == "option" else []))
    assert result.exit_code == 2
    assert f"No Impasto of yours runs on this machine at {url}" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "doctor"])
def test_data_folder_that_is_a_file_is_reported_in_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "file"
    data.touch()
    monkeypatch.setenv("IMPASTO_DATA", str(data))
    result = run(command)
    assert result.exit_code == 2
    assert str(data) in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_teaches_by_example() -> None:
    assert "impasto up" in run("--help").stdout
    assert "impasto stylize holiday/ --style water-lilies" in run("stylize", "--help").stdout


@pytest.mark.parametrize("command", ["watch", "retry"])
def test_folder_for_results_is_looked_at_before_anything_is_asked(
    command: str, album: Path
) -> None:
    result = run(command, "j", "--out", str(album / "a.png"), "--url", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "is a file" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_may_not_be_written_is_refused(album: Path) -> None:
    album.chmod(0o500)
    with pytest.raises(UsageError, match="permissions"):
        check_out(album / "new" / "out")


def test_results_that_cannot_be_written_are_reported_with_their_job(
    service: str, album: Path, tmp_path: Path
) -> None:
    """Where a disk fills, or a folder goes: they can be fetched to another one."""
    out = tmp_path / "gone"
    out.symlink_to(tmp_path / "nowhere" / "else")
    options = ("--style", STYLE, "--out", str(out), "--json", "--url", service)
    result = run("stylize", str(album / "b.jpg"), *options)
    with Client(service) as client:
        job = client.jobs()[0]
    assert result.exit_code == 2
    assert f"impasto watch {job.id} --out" in result.stderr
    assert result.stderr.count("\n") == 1


def test_address_is_asked_for_or_set_or_the_default(tmp_path: Path) -> None:
    nowhere = Settings(data=tmp_path)
    assert find_url("http://a", nowhere) == "http://a"
    assert find_url(None, Settings(data=tmp_path, url="http://b")) == "http://b"
    assert find_url(None, nowhere) == "http://127.0.0.1:8000"


def test_time_left_is_written_for_people() -> None:
    assert [duration(seconds) for seconds in (0.4, 42, 200, 7500)] == [
        "0 s",
        "42 s",
        "3 min 20 s",
        "2 h 5 min",
    ]


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_names_that_the_terminal_cannot_write_are_reported_escaped(
    form: str, encoding: str, service: str, album: Path, tmp_path: Path
) -> None:
    """Names of files need not be UTF-8; the answer comes when all is painted."""
    photo = album / "m\xe9r\U0001f30a\udce9.jpg"
    photo.write_bytes(b"sea")
    command = (
        *(sys.executable, "-c", "from api.cli.main import main; main()", "stylize", str(photo)),
        *("--style", STYLE, "--out", str(tmp_path / "out"), "--url", service),
        *(("--json",) if form == "json" else ()),
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    if form == "json":
        assert json.loads(done.stdout)["photos"][0]["photo"] == str(photo)
    else:
        assert rb"\udce9.jpg" in done.stdout


def test_results_are_gathered_while_the_job_runs(service: str, album: Path, tmp_path: Path) -> None:
    with Client(service) as client:
        photos = [album / "b.jpg"] * 150
        job = client.submit(photos, style=STYLE)
        *_, last = client.watch(job.id)
        collector = ResultCollector(client, job.id, ResultFolder(client, tmp_path / "out"))
        collector.collect(last)
        assert len(list((tmp_path / "out").iterdir())) == 150
        collector.finish()
        assert len(collector.photos()) == 150
