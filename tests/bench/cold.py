"""What the first answer costs: the API from its start, the worker from its child's start.

    python3 infra/dev.py bench cold [--scale small|full]

The API is the stack's own gunicorn command; it answers before Redis and S3 are there, so none are.
The worker's stages run in a process of their own, in the order in which a child comes to them.
Each figure is the median of several new processes; the files are in the system's cache.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from infra.settings import Settings
from infra.stack.credentials import keep_credentials
from infra.stack.folder import DataFolder
from infra.stack.ports import free_port
from infra.stack.programs import API, make_plan
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table

#: New processes that each figure comes from, by scale.
PROCESSES = {"tiny": 1, "small": 5, "full": 15}
#: (height, width) of the photo that the worker paints.
PHOTO = {"tiny": (48, 64), "small": (480, 640), "full": (480, 640)}
#: Seconds after which something is broken.
PATIENCE = 60.0
#: Module that goes through a child's stages.
CHILD = "tests.bench.common.child_stages"
#: Servers that nobody listens at: what starts must not need them.
NOWHERE = {
    "IMPASTO_REDIS_URL": "redis://127.0.0.1:1/0",
    "IMPASTO_S3_ENDPOINT": "http://127.0.0.1:1",
    "IMPASTO_S3_ACCESS_KEY": "none",
    "IMPASTO_S3_SECRET_KEY": "none",
}
_IMPORTED = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| (\s*)(\S+)")


def main() -> None:
    """Measure both."""
    chosen = parser("cold", __doc__ or "").parse_args()
    out, count = prepare(chosen), PROCESSES[chosen.scale]
    answers = [first_answer() for _ in range(count)]
    imports = [import_seconds("api.wsgi") for _ in range(count)]
    stages = [worker_stages(PHOTO[chosen.scale], chosen.threads) for _ in range(count)]
    heavy = heaviest_imports("api.wsgi")
    results = {"api_answers": answers, "api_imports": imports, "api_heaviest": heavy}
    save(out, "cold", {**results, "worker": stages})
    print("\n### The API's first answer\n")
    print(rows_table({"import of api.wsgi": imports, "start to first answer": answers}))
    print("\nWhat its import waits for, with what that imports itself:\n")
    print(table(("module", "seconds"), [(name, f"{seconds:.2f}") for name, seconds in heavy]))
    print("\n### The worker's first painting\n")
    print(rows_table({name: [run[name] for run in stages] for name in stages[0]}))


def first_answer() -> float:
    """Start the API as the stack does; returns the seconds until it answers a first request."""
    with TemporaryDirectory() as data:
        folder = DataFolder.prepare(Path(data))
        plan = make_plan(
            Settings(data=Path(data), port=free_port()),
            folder,
            keep_credentials(Path(data) / "keys"),
        )
        command = next(program.command for program in plan.programs if program.name == API)
        begun = time.perf_counter()
        environment = {**os.environ, **NOWHERE}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as api:
            try:
                _wait_for_answer(f"{plan.settings.url}/healthz")
                return time.perf_counter() - begun
            finally:
                _end(api)


def _wait_for_answer(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE):
                return
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _end(process: "subprocess.Popen[bytes]") -> None:
    children = psutil.Process(process.pid).children(recursive=True)
    for one in (process, *children):
        one.kill()


def import_seconds(module: str) -> float:
    """Return the seconds that a new process takes to import a module."""
    script = (
        "import time; begun = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - begun)"
    )
    return float(_run([sys.executable, "-c", script]).stdout)


def heaviest_imports(module: str, count: int = 8) -> list[tuple[str, float]]:
    """Return the packages whose import takes longest, with what they are the first to import."""
    lines = _run([sys.executable, "-X", "importtime", "-c", f"import {module}"]).stderr
    seconds: dict[str, float] = {}
    for taken, _, name in _IMPORTED.findall(lines):
        if "." not in name and name not in ("api", "infra"):
            seconds[name] = int(taken) / 1e6
    return sorted(seconds.items(), key=lambda item: -item[1])[:count]


def worker_stages(size: tuple[int, int], threads: int) -> dict[str, float]:
    """Return the seconds of each stage of a worker's child, from its start to a second painting."""
    begun = time.perf_counter()
    height, width = map(str, size)
    told = _run([sys.executable, "-m", CHILD, height, width, str(threads)])
    stages: dict[str, float] = json.loads(told.stdout)
    whole = time.perf_counter() - begun
    return {"start and end of Python": whole - sum(stages.values()), **stages}


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **NOWHERE}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True)


def rows_table(figures: dict[str, list[float]]) -> str:
    """Return a table of medians."""
    rows = [(name, f"{statistics.median(seconds):.2f}") for name, seconds in figures.items()]
    return table(("what", "seconds"), rows)


if __name__ == "__main__":
    main()
