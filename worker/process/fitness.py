"""Can this machine do what it is set to? Asked before a worker or a trainer says that it is there.

Else its child would find out with the first task, and again with each one after that, while the
worker looked well and albums waited.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import structlog

log = structlog.get_logger()


def end_unless_fit(trial: str) -> None:
    """Run a module that ends with the reason where this machine cannot do what it is set to.

    In a process of its own: it needs PyTorch, seconds and memory that a main process lacks. Raises
    SystemExit when the module ends so, after logging the reason.
    """
    command = (sys.executable, "-m", trial)
    tried = subprocess.run(  # noqa: S603 - a module of ours
        command, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if tried.returncode != 0:
        # Libraries may have warned before.
        *_, reason = tried.stderr.splitlines() or [f"{trial} ended with {tried.returncode}"]
        _end(reason)


def end_unless_usable(scratch: Path) -> None:
    """Write a file into the folder for large photos, so that none of them finds out that one can't.

    Raises SystemExit when that fails, after logging the reason.
    """
    try:
        tempfile.TemporaryFile(dir=scratch).close()
    except OSError as error:
        _end(f"the folder {scratch}, set as IMPASTO_SCRATCH, cannot be used: {error.strerror}")


def _end(reason: str) -> NoReturn:
    log.error("this machine cannot do what it is set to", reason=reason)
    raise SystemExit(1)
