"""The contracts of pyproject.toml bite: an import that they forbid ends `lint-imports` in error.

Each import is added to a copy of the packages, which nobody installs or runs.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api", "infra", "trainer", "worker")
#: No module, and large.
BESIDES = ("__pycache__", "*.safetensors", "*.jpg", "*.png", "*.svg", "*.js", "*.css")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and their contracts."""
    copy = tmp_path_factory.mktemp("contracts") / "checkout"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns(*BESIDES))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(checkout: Path) -> "subprocess.CompletedProcess[str]":
    """Check the contracts in a copy, whose packages come before any that is installed."""
    found = os.pathsep.join(str(folder) for folder in (checkout, checkout / "api" / "client"))
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": found},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_contracts_are_kept(checkout: Path) -> None:
    result = lint(checkout)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken." in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        (
            "trainer/slices/worker.py",
            "from worker.album import pipeline",
            "Trainings borrow nets, pixels and processes, never the album",
        ),
        (
            "api/client/impasto_client/client.py",
            "import flask",
            "The command line and the client know the service over HTTP alone",
        ),
        (
            "worker/net/transform.py",
            "from worker.net import netfile",
            "No circles among siblings, at any depth",
        ),
        (
            "infra/jobs/domain/lanes.py",
            "import redis",
            "The rules of jobs are pure",
        ),
    ],
    ids=["album in a training", "flask in the client", "a circle", "redis in a rule"],
)
def test_a_forbidden_import_breaks_its_contract(
    checkout: Path, module: str, line: str, contract: str
) -> None:
    [path] = checkout.glob(module)
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        result = lint(checkout)
    finally:
        path.write_text(before)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract} BROKEN" in result.stdout
