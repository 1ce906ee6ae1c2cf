"""Whether the stack is ready, and the parts that it waits for."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any

from infra.stack.folder import DataFolder
from infra.stack.programs import API
from infra.stack.supervision import Process, ProgramState

#: Seconds that one look at /readyz may take.
PROBE_TIMEOUT = 5.0

#: Times that a program may start while one waits for readiness; more often, and it is broken.
MOST_STARTS = 4

#: Lines of a failed program's log that are shown.
TAIL_LINES = 30
#: Bytes from the end of a log file that are looked at.
TAIL_BYTES = 16_384

#: No proxy leads to this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def waiting_for(url: str) -> str | None:
    """Return the parts that do not answer the API yet; None when all do."""
    try:
        with _DIRECT.open(f"{url}/readyz", timeout=PROBE_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return _problem(error.read()) or f"{API}: HTTP {error.code}"
    except (OSError, ValueError):
        return f"{API}: does not answer yet"


def _problem(body: bytes) -> str | None:
    """Return the detail of an RFC 9457 problem; None when the body is something else."""
    try:
        problem: Any = json.loads(body)
        return str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return None


def to_blame(processes: Iterable[Process], waits: str) -> list[str]:
    """Return the programs whose logs say why the stack is not ready."""
    known = list(processes)
    down = [process.name for process in known if process.state is not ProgramState.RUNNING]
    named = [process.name for process in known if process.name in waits.lower()]
    return down or named or [API]


def never_stays_up(processes: Iterable[Process], starts: dict[str, set[int]]) -> str | None:
    """Return a program that ends after every start; `starts` keeps process ids between calls."""
    for process in processes:
        seen = starts.setdefault(process.name, set())
        if process.pid:
            seen.add(process.pid)
        if process.state is ProgramState.FATAL or len(seen) > MOST_STARTS:
            return process.name
    return None


def log_tail(folder: DataFolder, program: str) -> str:
    """Return the end of a program's log, under its path."""
    path = folder.log(program)
    if not path.exists():
        return f"{path}: nothing was logged"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"The end of {path}:", *(f"  {line}" for line in lines)])
