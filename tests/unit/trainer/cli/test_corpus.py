"""`impasto corpus`: a mistake is one line and exit code 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.tenants import corpus_command
from tests.fakes.storage import MemoryStore
from tests.photos import encoded, scene
from trainer.cli.corpus import NAMED, app
from trainer.data.shards import CorpusMissing, read_corpus_index


def refusal(*arguments: str) -> str:
    """Return the one line that a command ends with."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_wrong_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_PORT", "abc")
    assert "IMPASTO_PORT" in refusal("list")


@pytest.mark.parametrize("name", ["[/x]", "[bold]"])
def test_brackets_in_a_name_are_reported_as_they_are(name: str) -> None:
    """A user's input is no markup."""
    assert repr(name) in refusal("add", name, ".")


@pytest.mark.parametrize("tenant", ["a/b", "..", ""])
@pytest.mark.parametrize("command", [["list"], ["add", "coco", "."]])
def test_tenant_that_would_reach_beyond_its_prefix_is_refused(
    command: list[str], tenant: str
) -> None:
    assert repr(tenant) in refusal(*command, "--tenant", tenant)


def test_data_folder_that_is_a_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "file"
    data.touch()
    monkeypatch.setenv("IMPASTO_DATA", str(data))
    assert str(data) in refusal("list")


@pytest.mark.parametrize("command", [["list"], ["add", "coco", "."]])
def test_service_that_is_named_is_looked_for(command: list[str]) -> None:
    url = "http://127.0.0.1:9"
    assert f"No Impasto of yours runs on this machine at {url}" in refusal(*command, "--url", url)


def test_home_that_nobody_has_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_S3_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("IMPASTO_S3_ACCESS_KEY", "AKIA")
    monkeypatch.setenv("IMPASTO_S3_SECRET_KEY", "s")
    assert "~nobody-of-this-name" in refusal("add", "coco", "~nobody-of-this-name/photos")


def test_server_that_cannot_be_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_S3_ENDPOINT", "nonsense")
    assert "IMPASTO_S3_ENDPOINT" in refusal("list")


@pytest.mark.parametrize("broken", [2, NAMED + 3])
def test_photos_that_are_left_out_are_named_with_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    """The first of them; thousands would bury the rest."""
    (tmp_path / "good.png").write_bytes(encoded(scene(300, 300), "PNG"))
    for number in range(broken):
        (tmp_path / f"broken-{number:02d}.jpg").write_text("no photo")
    monkeypatch.setenv("IMPASTO_S3_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr("trainer.cli.corpus.connect_s3", lambda _settings: MemoryStore())
    result = CliRunner().invoke(app, ["add", "coco", str(tmp_path), "--tenant", "alice"])
    told = " ".join(result.stderr.split())
    assert result.exit_code == 0, result.output
    assert told.count("left out: broken-") == min(broken, NAMED)
    assert "left out: broken-01.jpg: " in told
    assert ("left out: 3 more" in told) == (broken > NAMED)
    assert f"Corpus coco of alice: 1 photos in 1 shards, {broken} could not be used" in told


def test_the_advice_for_a_tenant_names_it() -> None:
    assert corpus_command("coco", "default") == "impasto corpus add coco FOLDER"
    with pytest.raises(CorpusMissing, match=r"impasto corpus add coco FOLDER --tenant alice"):
        read_corpus_index(MemoryStore(), "alice", "coco")
