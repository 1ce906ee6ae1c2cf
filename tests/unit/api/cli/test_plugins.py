"""Commands that other packages bring to the command line."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app

PLUGIN = '''"""Count the brushes. And much more."""

import typer

app = typer.Typer()

@app.command()
def add(name: str) -> None:
    typer.echo(f"added {name}")

@app.command()
def drop(name: str) -> None:
    raise SystemExit(3)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package beside ours that brings commands, installed as pip would leave it."""
    metadata = tmp_path / "brushes-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: brushes\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[impasto.commands]\nbrushes = brushes_cli:app\nbroken = brushes_broken:app\n"
        "gone = brushes_gone:app\nstyles = brushes_cli:app\n"
    )
    (tmp_path / "brushes_cli.py").write_text(PLUGIN)
    (tmp_path / "brushes_broken.py").write_text('"""Paint with both hands."""\nimport no_hands\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_plugin_reads_its_own_arguments(plugin: Path) -> None:
    result = CliRunner().invoke(app, ["brushes", "add", "filbert"])
    assert (result.exit_code, result.stdout) == (0, "added filbert\n")
    assert CliRunner().invoke(app, ["brushes", "drop", "filbert"]).exit_code == 3


def test_help_lists_a_plugin_without_importing_it(plugin: Path) -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert "Count the brushes" in result.stdout
    assert "Paint with both hands" in result.stdout
    assert "brushes_broken" not in sys.modules


def test_own_command_wins_over_a_plugin_of_its_name(plugin: Path) -> None:
    result = CliRunner().invoke(app, ["styles", "--help"])
    assert "List the styles" in result.stdout


@pytest.mark.parametrize("name", ["broken", "gone"])
def test_command_whose_parts_are_missing_says_so_in_one_line(plugin: Path, name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 2
    assert "not installed" in result.stderr
    assert result.stderr.count("\n") == 1


def test_command_that_nobody_brings_is_an_error() -> None:
    assert CliRunner().invoke(app, ["brushes"]).exit_code == 2


def test_command_line_starts_without_the_nets() -> None:
    """`impasto --help` is quick because nothing in it imports PyTorch."""
    code = (
        "import sys; from typer.testing import CliRunner; from api.cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
