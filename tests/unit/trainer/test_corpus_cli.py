"""`impasto corpus`: a mistake is one line and exit code 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from trainer.corpus_cli import app


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
def test_brackets_in_a_name_are_told_as_they_are(name: str) -> None:
    """What a user typed is no markup."""
    assert repr(name) in refusal("add", name, ".")


@pytest.mark.parametrize("tenant", ["a/b", "..", ""])
@pytest.mark.parametrize("command", [["list"], ["add", "coco", "."]])
def test_tenant_that_would_reach_beyond_its_prefix_is_refused(
    command: list[str], tenant: str
) -> None:
    assert repr(tenant) in refusal(*command, "--tenant", tenant)


def test_data_folder_that_is_a_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "file"
    data.touch()
    monkeypatch.setenv("IMPASTO_DATA", str(data))
    assert str(data) in refusal("list")


def test_home_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_S3_ENDPOINT", "http://127.0.0.1:1")
    assert "~nobody-of-this-name" in refusal("add", "coco", "~nobody-of-this-name/photos")


def test_server_that_cannot_be_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_S3_ENDPOINT", "nonsense")
    assert "IMPASTO_S3_ENDPOINT" in refusal("list")
