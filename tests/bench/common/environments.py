"""Other programs, and other versions of this one, each in an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
#: What a version needs to run; not what its tests need.
EXTRAS: Final = "api,worker,trainer"
CONSTRAINTS: Final = ROOT / "infra" / "constraints.txt"


def check_out(revision: str, folder: Path) -> Path:
    """Clone this repository at a revision into a folder, and return the folder."""
    run("git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder))
    run("git", "-C", str(folder), "checkout", "--quiet", "--detach", revision)
    return folder


def install(checkout: Path, environment: Path) -> Path:
    """Install a checkout into a new virtual environment, and return the environment.

    As its own `infra/dev.py` does it: the versions are those of its constraints.
    """
    client = checkout / "api" / "client"
    alone = [str(client)] if (client / "pyproject.toml").exists() else []
    packages = [argument for part in (*alone, f"{checkout}[{EXTRAS}]") for argument in ("-e", part)]
    return new_environment(environment, checkout / "infra" / "constraints.txt", *packages)


def new_environment(environment: Path, constraints: Path, *packages: str) -> Path:
    """Make a virtual environment of some packages (pip's arguments), and return it."""
    run(sys.executable, "-m", "venv", str(environment))
    pip = (str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet")
    run(*pip, "-c", str(constraints), *packages)
    return environment


def run(*command: str) -> None:
    """Run a command in an environment without ours; raises CalledProcessError."""
    subprocess.run(command, check=True, env=clean_environment())


def clean_environment() -> dict[str, str]:
    """Return our environment without what leads Python or Impasto to this version."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("IMPASTO_", "PYTHON", "VIRTUAL_ENV"))
    }
