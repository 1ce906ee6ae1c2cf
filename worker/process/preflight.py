"""Preflight: ends a worker or a trainer at its start where this machine cannot do its work.

Otherwise its child would find out with the first task, and again with each one after that, while
the worker looked well and albums waited.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import structlog

log = structlog.get_logger()


def end_unless_supported(module: str) -> None:
    """Run a preflight module, which ends with the reason where the settings ask too much.

    In a process of its own: it needs PyTorch, and seconds and memory that a main process lacks.
    Raises SystemExit, after logging the reason, when the module fails.
    """
    command = (sys.executable, "-m", module)
    ended = subprocess.run(  # noqa: S603 - a module of ours
        command, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if ended.returncode != 0:
        # Libraries may have warned before.
        *_, reason = ended.stderr.splitlines() or [f"{module} ended with {ended.returncode}"]
        _end(reason)


def end_unless_writable(scratch: Path) -> None:
    """Write a file into the folder for large photos: each of those would fail where that fails.

    Raises SystemExit, after logging the reason.
    """
    try:
        tempfile.TemporaryFile(dir=scratch).close()
    except OSError as error:
        _end(f"the folder {scratch}, set as IMPASTO_SCRATCH, cannot be used: {error.strerror}")


def _end(reason: str) -> NoReturn:
    log.error("unsupported device or engine", reason=reason)
    raise SystemExit(1)
