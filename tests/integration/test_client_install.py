"""The client installed as its users install it: beside an `api` package of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT, blocks
from tests.integration.live_stack import LiveStack
from tests.photos import encoded, scene

CLIENT = ROOT / "api" / "client"
#: Bytes that the client may take with all that it pulls.
MAX_INSTALLED_BYTES = 15_000_000

#: Run in the user's project, where `api` is the user's.
LOOK_AROUND = """
import importlib.metadata, importlib.util, json, api
from impasto_client import Client

missing = ("flask", "torch", "pydantic", "infra", "trainer", "worker")
print(json.dumps({
    "api": api.OWNER,
    "found": [name for name in missing if importlib.util.find_spec(name)],
    "version": importlib.metadata.version("impasto-client"),
}))
"""


class Project:
    """Somebody's project: a folder with an `api` package, and an environment with the client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        (self.folder / "api").mkdir(parents=True)
        (self.folder / "api" / "__init__.py").write_text('OWNER = "somebody"\n')
        self._venv = folder / "venv"
        # A copy, because a build leaves files beside the source.
        clone = shutil.copytree(CLIENT, folder / "clone", ignore=shutil.ignore_patterns("build"))
        self._call(sys.executable, "-m", "venv", "--without-pip", str(self._venv))
        self._call(
            *(sys.executable, "-m", "pip", "--python", str(self._python), "install"),
            *("-c", str(ROOT / "infra" / "constraints.txt"), str(clone)),
        )

    @property
    def _python(self) -> Path:
        return self._venv / "bin" / "python"

    @property
    def packages(self) -> Path:
        """The folder that packages are installed in."""
        (found,) = self._venv.glob("lib/python*/site-packages")
        return found

    def run(self, script: str) -> str:
        """Run a script that lies in the project; returns what it printed."""
        (self.folder / "script.py").write_text(script)
        return self._call(str(self._python), "script.py")

    def _call(self, *command: str) -> str:
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("client"))


@pytest.mark.timeout(600)  # it is downloaded
def test_client_is_small_and_brings_nothing_of_the_service(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    around = json.loads(project.run(LOOK_AROUND))
    version = (CLIENT / "VERSION").read_text().strip()
    assert around == {"api": "somebody", "found": [], "version": version}
    assert (project.packages / "impasto_client" / "py.typed").exists()
    size = sum(path.stat().st_size for path in project.packages.rglob("*") if path.is_file())
    with capsys.disabled():
        sys.stdout.write(f"\nimpasto-client takes {size / 1e6:.1f} MB with what it pulls\n")
    assert size < MAX_INSTALLED_BYTES


@pytest.mark.timeout(600)
def test_example_of_its_readme_paints_an_album(project: Project, stack: LiveStack) -> None:
    """The example as it stands, but for the address: a service of this test's own."""
    for name, kind in (("beach.jpg", "JPEG"), ("forest.png", "PNG")):
        (project.folder / name).write_bytes(encoded(scene(320, 200), kind))
    (example,) = blocks(CLIENT / "README.md", "py")
    stack.wait_ready()
    shown = project.run(example.text.replace("http://127.0.0.1:8000", stack.url))
    assert "succeeded 100%" in shown
    painted = project.folder / "paintings"
    assert {path.name for path in painted.iterdir()} == {"beach.jpg", "forest.png"}
