"""The README's commands run as they are written."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from infra.demo import samples
from infra.settings import Settings
from tests.integration.live_stack import wait_until

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
#: Where the README's curl finds the service.
URL = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


#: Commands by what they are for, in the order of the README.
DEMO, TEST, UP, *USE = blocks("sh")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh clone's, with some photos in it."""
    clone = tmp_path_factory.mktemp("readme")
    for name in ("infra", "api", "worker", "trainer", "tests", ".venv", "pyproject.toml"):
        if (ROOT / name).exists():
            (clone / name).symlink_to(ROOT / name)
    (clone / "photos").mkdir()
    for photo in samples():
        if photo.name in ("chelsea.png", "coffee.png"):
            shutil.copy(photo, clone / "photos")
    with Image.open(clone / "photos" / "coffee.png") as painting:
        painting.convert("RGB").save(clone / "monet.jpg")
    return clone


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[None]:
    """The service, started by the README's own words."""
    assert "impasto up" in UP
    if answers("/healthz"):
        pytest.skip("something listens on port 8000 already")
    process = subprocess.Popen(
        ["bash", "-c", f"exec 2>&1; {UP}"], cwd=folder, start_new_session=True
    )
    try:
        wait_until(lambda: answers("/readyz"), "impasto up")
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def answers(path: str) -> bool:
    try:
        with urllib.request.urlopen(URL + path) as response:
            return response.status == 200
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except OSError:
        return False


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    assert TEST.strip() in (ROOT / ".ci" / "run").read_text()


def test_the_demo_leaves_paintings(folder: Path) -> None:
    run = shell(DEMO, folder)
    assert run.returncode == 0, run.stdout + run.stderr
    painted = {path.name for path in (folder / "impasto-demo").iterdir()}
    assert painted == {path.name for path in samples()}


@pytest.mark.usefixtures("service")
def test_the_rest_runs_from_top_to_bottom(folder: Path) -> None:
    """One shell, because later commands use variables of earlier ones."""
    run = shell("\n".join(USE), folder)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {path.name for path in (folder / "paintings").iterdir()} == {"chelsea.png", "coffee.png"}
    assert (folder / "painting.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "paintings.zip").read_bytes().startswith(b"PK")


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"\bIMPASTO_[A-Z0-9_]+", README))
    assert named
    assert {name.removeprefix("IMPASTO_").lower() for name in named} <= set(Settings.model_fields)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
