"""The developer's entry, on a copy of it in a tiny project that installs without any network."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]

CLIENT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny_client"
version = "1"
"""

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "1"
dependencies = []

[project.optional-dependencies]
api = []
worker = []
trainer = []
dev = []

[tool.setuptools]
"""

#: Builds an editable wheel: one path file that leads to the project.
BACKEND = """\
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "NAME-1-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1\\n" + "".join(
        f"Provides-Extra: {extra}\\n" for extra in ("api", "worker", "trainer", "dev")
    )
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("NAME.pth", os.path.dirname(os.path.abspath(__file__)) + "\\n")
        wheel.writestr("NAME-1.dist-info/METADATA", metadata)
        wheel.writestr("NAME-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("NAME-1.dist-info/RECORD", "")
    return name
"""

#: Tells its process id, then never ends.
HANGING_BACKEND = """\
import os, pathlib, time
pathlib.Path("building").write_text(str(os.getpid()))
time.sleep(1000)
"""


#: A measurement that says what it was told.
SPEED = '''"""How fast."""

import sys

print("fast", *sys.argv[1:])
'''


def _make_project(folder: Path) -> Path:
    (folder / "infra").mkdir(parents=True)
    (folder / "tests" / "bench" / "painting").mkdir(parents=True)
    (folder / "infra" / "__init__.py").touch()
    (folder / "tests" / "bench" / "painting" / "speed.py").write_text(SPEED)
    for name in ("dev.py", "dev_environment.py"):
        shutil.copy(ROOT / "infra" / name, folder / "infra")
    (folder / "infra" / "constraints.txt").write_text("# none\n")
    client = folder / "api" / "client"
    client.mkdir(parents=True)
    (client / "VERSION").write_text("1\n")
    for home, project, name in ((folder, PROJECT, "tiny"), (client, CLIENT, "tiny_client")):
        (home / "pyproject.toml").write_text(project)
        (home / "backend.py").write_text(BACKEND.replace("NAME", name))
    return folder


def _command(project: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(project / "infra" / "dev.py"), *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PIP_NO_INDEX": "1"}


def _dev(
    project: Path, *arguments: str, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        _command(project, *arguments),
        env=_environment(),
        cwd=cwd or project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that was installed by the first command."""
    project = _make_project(tmp_path_factory.mktemp("dev") / "a project")
    assert "How fast." in _dev(project, "bench").stdout
    assert not (project / ".venv").exists()  # nothing is installed for a list
    first = _dev(project, "bench", "speed")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Installed in" in first.stdout
    yield project
    shutil.rmtree(project)


def test_a_second_run_uses_what_is_installed(project: Path) -> None:
    """Only the first run takes its minute."""
    again = _dev(project, "bench", "speed")
    assert again.returncode == 0
    assert "Install" not in again.stdout


@pytest.mark.parametrize("name", ["infra/constraints.txt", "api/client/pyproject.toml"])
def test_changed_requirements_install_again(name: str, project: Path) -> None:
    """Nobody works with versions that the project, or its client, has left."""
    requirements = project / name
    requirements.write_text(requirements.read_text() + "# changed\n")
    assert "Installing" in _dev(project, "bench", "speed").stdout
    assert "Installing" not in _dev(project, "bench", "speed").stdout


def test_a_measurement_runs_by_its_name_from_anywhere(project: Path, tmp_path: Path) -> None:
    """`bench` alone lists the names, and so does a wrong one; options go to the measurement."""
    assert _dev(project, "bench", "speed", cwd=tmp_path).stdout.endswith("fast\n")
    assert _dev(project, "bench", "speed", "--help").stdout.endswith("fast --help\n")
    assert "speed" in _dev(project, "bench").stdout
    wrong = _dev(project, "bench", "sped")
    assert wrong.returncode == 2
    assert "speed" in wrong.stdout


def test_every_check_runs_although_one_fails(project: Path) -> None:
    """All that is wrong is shown at once; the exit code says that something is."""
    for name, code in (("ruff", 1), ("basedpyright", 0), ("lint-imports", 0)):
        tool = project / ".venv" / "bin" / name
        tool.write_text(f"#!/bin/sh\necho {name} ran\nexit {code}\n")
        tool.chmod(0o755)
    result = _dev(project, "check")
    assert result.returncode == 1
    assert "lint-imports ran" in result.stdout
    assert "FAIL  lint\n" in result.stdout
    assert "pass  types\n" in result.stdout


def test_arguments_that_a_command_does_not_know_are_refused(project: Path) -> None:
    """A typing error must not start ten minutes of work."""
    result = _dev(project, "demo", "--photo", "x", "--fast")
    assert result.returncode == 2
    assert "--fast" in result.stderr


def test_help_shows_what_to_do_first(project: Path) -> None:
    """Who knows nothing finds the first command."""
    help_text = _dev(project, "--help").stdout
    assert "python3 infra/dev.py demo" in help_text
    for command in ("demo", "test", "up", "check", "bench"):
        assert f"\n  {command}" in help_text


def test_a_failed_installation_shows_why_and_is_not_taken_for_done(tmp_path: Path) -> None:
    """The next run tries again."""
    project = _make_project(tmp_path / "project")
    (project / "backend.py").write_text("raise RuntimeError('no-such-compiler')\n")
    for _ in range(2):
        result = _dev(project, "check")
        assert result.returncode == 1
        assert "no-such-compiler" in result.stdout
        assert not (project / ".venv" / "impasto-stamp.txt").exists()


def test_ctrl_c_in_the_installation_leaves_no_process(tmp_path: Path) -> None:
    """Nor a half-installed environment that looks whole."""
    project = _make_project(tmp_path / "project")
    (project / "backend.py").write_text(HANGING_BACKEND)
    with subprocess.Popen(
        _command(project, "check"),
        env=_environment(),
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as dev:
        building = project / "building"
        deadline = time.monotonic() + 60
        while not (building.exists() and building.read_text()):
            assert time.monotonic() < deadline, "the build did not start"
            time.sleep(0.1)
        dev.send_signal(signal.SIGINT)
        _, errors = dev.communicate(timeout=60)
    assert dev.returncode == 130
    assert errors.strip() == "Stopped; no process is left."
    assert not _lives(int(building.read_text()))
    assert not (project / ".venv" / "impasto-stamp.txt").exists()
