"""What the first answer costs: the API from its start, the worker from its start to a result.

    python3 infra/dev.py bench cold [--scale small|full]

The API is the stack's own gunicorn command; it answers before Redis and S3 are there, so none are.
The worker is that of a whole stack, killed and started anew while a job waits for it. What it is
busy with meanwhile is told by a process of its own, which comes to the stages of a worker's child
one after the other. Each figure is the median of several new processes; the files are in the
system's cache.
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

import numpy as np
import psutil

from impasto_client import Client
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.stack.credentials import keep_credentials
from infra.stack.folder import DataFolder
from infra.stack.ports import free_port
from infra.stack.programs import API, WORKER, make_plan
from infra.storage.s3 import connect_s3
from tests.bench.common.nets import photo
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.promises import at_most, judge
from tests.bench.common.tables import table
from tests.bench.painting.common.service import STYLE, jpeg
from tests.integration.live_stack import LiveStack, wait_until

#: New processes that each figure comes from, by scale.
PROCESSES = {"tiny": 1, "small": 5, "full": 15}
#: (height, width) of the photo that the worker paints.
PHOTO = {"tiny": (48, 64), "small": (480, 640), "full": (480, 640)}
#: Seconds after which something is broken.
PATIENCE = 60.0
#: Seconds in which the API is to have answered.
ANSWER = 1.5
#: Module that goes through a child's stages.
CHILD = "tests.bench.painting.common.child_stages"
#: Servers that nobody listens at: what starts must not need them.
NOWHERE = {
    "IMPASTO_REDIS_URL": "redis://127.0.0.1:1/0",
    "IMPASTO_S3_ENDPOINT": "http://127.0.0.1:1",
    "IMPASTO_S3_ACCESS_KEY": "none",
    "IMPASTO_S3_SECRET_KEY": "none",
}
_IMPORTED = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| (\s*)(\S+)")


def main() -> int:
    """Measure both; 1 when the API takes too long."""
    chosen = parser("cold", __doc__ or "").parse_args()
    out, count, size = prepare(chosen), PROCESSES[chosen.scale], PHOTO[chosen.scale]
    answers = [first_answer() for _ in range(count)]
    imports = [import_seconds("api.wsgi") for _ in range(count)]
    heavy = heaviest_imports("api.wsgi")
    firsts = first_results(size, count, chosen.threads)
    stages = [worker_stages(size, chosen.threads) for _ in range(count)]
    api = {"api_answers": answers, "api_imports": imports, "api_heaviest": heavy}
    save(out, "cold", {**api, "worker_results": firsts, "worker_stages": stages})
    print("\n### The API's first answer\n")
    print(rows_table({"import of api.wsgi": imports, "start to first answer": answers}))
    print("\nWhat its import waits for, with what that imports itself:\n")
    print(table(("module", "seconds"), [(name, f"{seconds:.2f}") for name, seconds in heavy]))
    print(f"\n### The worker's first result, a photo of {size[1]}×{size[0]}\n")
    print(rows_table({"a worker's start to the end of a first job": firsts}))
    print("\nStages of a child, from its start; a worker has Celery's and S3's besides:\n")
    print(rows_table({name: [run[name] for run in stages] for name in stages[0]}))
    answer = statistics.median(answers)
    return judge([at_most("the API's first answer", answer, ANSWER, "{:.2f} s")], chosen.scale)


def first_results(size: tuple[int, int], count: int, threads: int) -> list[float]:
    """Return the seconds from a worker's start to the end of its first job, several times."""
    with TemporaryDirectory() as data:
        settings = Settings(data=Path(data), port=0, device="cpu", threads=threads)
        live = LiveStack(EmbeddedStack(settings))
        with live.stack as stack, Client(stack.url) as client:
            live.wait_ready()
            bucket, picture = connect_s3(stack.settings), photo(*size)
            keys = [f"inbox/{turn}.jpg" for turn in range(count)]
            for turn, key in enumerate(keys):  # no two alike: a result that is there is not painted
                bucket.put(key, jpeg(np.roll(picture, turn, 0)))
            return [_first_result(live, client, key) for key in keys]


def _first_result(live: LiveStack, client: Client, key: str) -> float:
    before = live.kill(WORKER)
    job = client.submit_stored({"keys": [key]}, style=STYLE)
    while live.stack.processes()[WORKER].pid in (None, 0, before):
        time.sleep(0.01)
    begun = time.time()
    wait_until(lambda: client.job(job.id).state.terminal, "the first result", PATIENCE)
    ended = client.job(job.id)
    assert ended.counts.done == 1, "the photo failed"
    assert ended.finished is not None
    return ended.finished.timestamp() - begun


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
    sys.exit(main())
