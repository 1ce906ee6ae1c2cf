"""A stack of small stand-in programs: what the supervisor does, without Redis, S3 or PyTorch.

`python -m tests.fakes.stack DATA MODE` is a front over them, for tests of how fronts die.
"""

import sys
import textwrap
import time
from pathlib import Path

import psutil

from infra.settings import Settings
from infra.stack import EmbeddedStack, run_foreground
from infra.stack.credentials import Credentials
from infra.stack.folder import DataFolder
from infra.stack.ports import PortBook
from infra.stack.programs import API, Plan, Program

#: Answers /readyz with 200, whatever is asked.
READY = """
import http.server, os
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
address = ("127.0.0.1", int(os.environ["IMPASTO_PORT"]))
http.server.ThreadingHTTPServer(address, Ready).serve_forever()
"""

#: Answers /readyz with a problem that names redis.
UNREADY = READY.replace("200", "503").replace(
    "self.end_headers()", 'self.end_headers(); self.wfile.write(b\'{"detail": "redis is away"}\')'
)

#: Works with a child of its own that dies with it, as a Celery worker does.
PARENT = """
import os, subprocess, sys
print("the parent works", flush=True)
child = f'''
import time
from infra.parent_death import die_with_parent
die_with_parent({os.getpid()})
time.sleep(1000)
'''
subprocess.run([sys.executable, "-c", child])
"""


def python(name: str, source: str, *, priority: int = 20) -> Program:
    """A program of a few lines of Python."""
    command = (sys.executable, "-c", textwrap.dedent(source))
    return Program(name, command, priority=priority, stop_seconds=3)


class Standins:
    """Plans a stack of the given programs; its API gets a free port."""

    def __init__(self, *programs: Program) -> None:
        self._programs = programs or (python(API, READY), python("parent", PARENT))

    def __call__(self, settings: Settings, folder: DataFolder, credentials: Credentials) -> Plan:
        """As `make_plan`."""
        port = PortBook(folder.run / "ports.json").port(API)
        known = {"data": folder.root, "port": port, "url": f"http://127.0.0.1:{port}"}
        return Plan(settings.model_copy(update=known), self._programs, {API: port})


def processes_on(data: Path) -> list[psutil.Process]:
    """Every process that a stack on this data started, directly or not, and that still runs."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("IMPASTO_DATA") == str(data)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_gone(data: Path, seconds: float) -> list[psutil.Process]:
    """What still runs when nothing does any more, or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while (left := processes_on(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _front(data: Path, mode: str) -> None:
    settings = Settings(data=data, port=0)
    if mode == "foreground":
        run_foreground(settings, planner=Standins())
        return
    with EmbeddedStack(settings, planner=Standins()) as stack:
        stack.wait_ready(20)
        print("ready", flush=True)
        if mode == "raise":
            raise RuntimeError("the front has a bug")
        time.sleep(1000)


if __name__ == "__main__":
    _front(Path(sys.argv[1]), sys.argv[2])
