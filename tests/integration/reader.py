"""Somebody who reads a document and types its commands, in a folder like a fresh clone."""

import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.documents import ROOT, Block
from tests.integration.live_stack import wait_until

#: Where the documents' commands find the service.
URL = "http://127.0.0.1:8000"

#: What a fresh clone holds, and the environment that its first command makes.
CLONE = ("README.md", "pyproject.toml", "api", "infra", "tests", "trainer", "worker", ".venv")

#: Seconds that the commands of one terminal may take.
TERMINAL_SECONDS = 500

#: A block that starts the service holds its terminal until Ctrl-C.
_SERVICE = re.compile(r"(?:\S*/)?impasto up( .*)?")


class CommandFailed(AssertionError):
    """A command of the document failed; the message is what the terminal showed."""


def make_clone(folder: Path) -> Path:
    """Fill a folder as a clone is, with nothing besides."""
    for entry in CLONE:
        (folder / entry).symlink_to(ROOT / entry)
    return folder


def read(blocks: Sequence[Block], folder: Path) -> str:
    """Run blocks in order, each that starts the service in a terminal of its own.

    What follows such a block is typed into a fresh terminal once the service is ready. Returns what
    the terminals showed; raises CommandFailed.
    """
    blocks = list(blocks)
    start = next((number for number, block in enumerate(blocks) if is_service(block)), None)
    if start is None:
        return _type(blocks, folder)
    shown = _type(blocks[:start], folder)
    with _service(blocks[start], folder):
        return shown + read(blocks[start + 1 :], folder)


def is_service(block: Block) -> bool:
    """Whether a block starts the service."""
    return bool(_SERVICE.fullmatch(block.text.splitlines()[-1]))


def answers(path: str) -> bool:
    """Whether the service answers with 200."""
    try:
        with urllib.request.urlopen(URL + path) as response:
            return response.status == 200
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except OSError:
        return False


def _type(blocks: Sequence[Block], folder: Path) -> str:
    """Type blocks into one terminal: later ones use variables of earlier ones."""
    script = "\n".join(_script(block) for block in blocks)
    # A file, not a pipe: what a command left running would keep that open, and us waiting.
    log = folder / ".terminal.log"
    with log.open("w+") as terminal:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        try:
            code = process.wait(TERMINAL_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    shown = log.read_text(errors="replace")
    log.unlink()
    if code != 0:
        how = "did not end" if code is None else f"ended with {code}"
        raise CommandFailed(f"a command {how}:\n{shown}")
    return shown


def _script(block: Block) -> str:
    text = block.text
    if block.language == "python":
        text = f"python3 - <<'END_OF_PYTHON'\n{text}END_OF_PYTHON\n"
    return f"echo '== the block at line {block.line}'\n{text}"


@contextmanager
def _service(block: Block, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        ["bash", "-euc", f"exec 2>&1; {block.text}"],
        cwd=folder,
        env=_environment(),
        start_new_session=True,
    )
    try:
        wait_until(lambda: answers("/readyz"), "impasto up", 120)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _environment() -> dict[str, str]:
    """A reader's: nothing of this project is set, and its programs are not on PATH."""
    venv = (ROOT / ".venv" / "bin").resolve()
    path = [p for p in os.environ["PATH"].split(os.pathsep) if p and Path(p).resolve() != venv]
    ours = ("IMPASTO_", "PYTEST_", "VIRTUAL_ENV", "PYTHONPATH", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PATH": os.pathsep.join(path)}
