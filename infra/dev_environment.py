"""The developer's environment: `.venv`, made with nothing but Python, and programs run in it.

Only the standard library is imported here: `infra/dev.py` needs this before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
#: The Python client, which is a distribution of its own.
CLIENT = ROOT / "api" / "client"
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "infra" / "constraints.txt"
#: Written last: an environment without it was not finished.
STAMP = VENV / "impasto-stamp.txt"
INSTALL_LOG = VENV / "install.log"

#: Pythons that every dependency has wheels for.
PYTHONS = ((3, 11), (3, 12))
EXTRAS = "api,worker,trainer,dev"

#: Seconds that an interrupted command gets to end by itself.
GRACE_SECONDS = 20
#: Lines of the installation's log shown when it failed.
LOG_LINES = 25


def bootstrap(module: str) -> int:
    """Install what is missing, then go on as a module in the environment; else the exit code."""
    if sys.version_info[:2] not in PYTHONS:
        return _with_other_python()
    if not _install_if_needed():
        return 1
    python = str(program("python"))
    # -P: neither this folder nor the user's may shadow an installed package.
    return become([python, "-P", "-m", module, *sys.argv[1:]])


def _with_other_python() -> int:
    for major, minor in reversed(PYTHONS):
        name = f"python{major}.{minor}"
        found = shutil.which(name)
        # A version manager's stand-in may be there without the version itself.
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return become([found, *sys.argv])
    wanted = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    print(f"Impasto needs Python {wanted}; this is {mine}, and no other was found on PATH.")
    return 2


def _install_if_needed() -> bool:
    """Bring `.venv` up to date; whether it is now."""
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return True
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not _make_venv():
        return False
    print(f"Installing Impasto and what it needs (a minute or two; log: {INSTALL_LOG}) ...")
    pip = (str(program("python")), "-m", "pip", "install", "-c", str(CONSTRAINTS))
    with INSTALL_LOG.open("w") as log:
        code = run((*pip, "-e", str(CLIENT), "-e", f"{ROOT}[{EXTRAS}]"), output=log.fileno())
    if code != 0:
        print("\n".join(INSTALL_LOG.read_text().splitlines()[-LOG_LINES:]))
        print(f"The installation failed (pip's exit code: {code}); nothing was marked as done.")
        return False
    STAMP.write_text(wanted)
    print(f"Installed in {time.monotonic() - started:.0f} s; next time this is skipped.")
    return True


def _make_venv() -> bool:
    if _venv_python_line() == _python_line():
        return True
    print(f"Making a virtual environment in {VENV} ...")
    if run([sys.executable, "-m", "venv", "--clear", str(VENV)]) == 0:
        return True
    print("That failed. On Debian and Ubuntu: apt install python3-venv; then try again.")
    return False


def _venv_python_line() -> str:
    """Version of the environment's Python, pip included; empty when it is not usable."""
    python = program("python")
    if not python.exists():
        return ""
    script = "import pip, sys; print('python', *sys.version_info[:2])"
    probe = subprocess.run([str(python), "-I", "-c", script], capture_output=True, text=True)
    return probe.stdout.strip()


def _python_line() -> str:
    return f"python {sys.version_info[0]} {sys.version_info[1]}"


def _fingerprint() -> str:
    """Changes when the installation would: Python, dependencies, packages, or this folder."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = (project["build-system"], project["project"], project["tool"]["setuptools"], str(ROOT))
    files = (CONSTRAINTS, CLIENT / "pyproject.toml", CLIENT / "VERSION")
    contents = b"".join(file.read_bytes() for file in files)
    digest = hashlib.sha256(repr(parts).encode() + contents).hexdigest()
    return f"{_python_line()}\n{digest}\n"


def program(name: str) -> Path:
    """Return where a program of the environment lies."""
    return VENV / "bin" / name


def _environment() -> dict[str, str]:
    """Ours, with the environment's programs first, and with paths that hold in any folder."""
    found = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    found["PATH"] = os.pathsep.join((str(VENV / "bin"), os.environ.get("PATH", os.defpath)))
    if assets := os.environ.get("IMPASTO_ASSETS"):
        found["IMPASTO_ASSETS"] = str(Path(assets).resolve())
    return found


def become(command: Sequence[str]) -> int:
    """Go on as another program, which then has the terminal and its Ctrl-C to itself."""
    sys.stdout.flush()
    os.execve(command[0], list(command), _environment())


def run(
    command: Sequence[str],
    *,
    output: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a program to its end; its exit code.

    It gets a session of its own, so that an interruption ends it with all that it started.
    """
    child = subprocess.Popen(
        command,
        stdout=output,
        stderr=output,
        env={**_environment(), **(environment or {})},
        start_new_session=True,
    )
    try:
        return child.wait()
    except KeyboardInterrupt:
        _end_group(child)
        raise


def _end_group(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(GRACE_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
