"""A real stack, and what tests do to it: find its processes, kill them, wait for their return."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from infra.redis.client import connect_redis
from infra.redis.worker_registry import WorkerRegistry
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.stack.supervision import ProgramState

#: Seconds that a killed program gets to be back; the worker imports PyTorch on its way.
BACK_SECONDS = 60.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = BACK_SECONDS) -> None:
    """Poll until something holds; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)


def lives(process: psutil.Process) -> bool:
    """Whether a process still runs; one that only waits for its parent to notice does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class LiveStack:
    """The embedded stack under test."""

    #: Seconds that a program gets to run again.
    back_seconds = BACK_SECONDS

    def __init__(self, stack: EmbeddedStack) -> None:
        self.stack = stack

    @property
    def url(self) -> str:
        """The API's address."""
        return self.stack.url

    @property
    def settings(self) -> Settings:
        """What its programs run with: addresses and keys of its Redis and S3 included."""
        return self.stack.settings

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.stack.state.data

    def pid(self, name: str) -> int:
        """Process id of a program (redis, s3, api, worker), once it runs."""
        wait_until(lambda: self._running(name) is not None, f"{name} to run", self.back_seconds)
        found = self._running(name)
        assert found is not None
        return found

    def _running(self, name: str) -> int | None:
        process = self.stack.processes().get(name)
        running = process is not None and process.state is ProgramState.RUNNING
        return process.pid if process and running else None

    def children(self, name: str) -> list[psutil.Process]:
        """What a program started, recursively; nothing where it has just ended."""
        try:
            return psutil.Process(self.pid(name)).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def pool_child(self) -> psutil.Process:
        """The worker's child that does the work (Celery prefork), once the worker listens."""
        worker = self.pid("worker")
        wait_until(lambda: self._announced(worker), "the worker to listen")
        wait_until(lambda: bool(self._pool_children()), "a child of the worker")
        return self._pool_children()[0]

    def _announced(self, worker: int) -> bool:
        client = connect_redis(self.settings)
        try:
            names = WorkerRegistry(client=client).alive()
        finally:
            client.close()
        return any(name.endswith(f"/{worker}") for name in names)

    def _pool_children(self) -> list[psutil.Process]:
        return self.pool("worker")

    def pool(self, name: str) -> list[psutil.Process]:
        """The children of a Celery program that do its work, as many as live now."""
        # billiard also starts a tracker of semaphores; the pool's children are spawned by name.
        return [child for child in self.children(name) if "--billiard-fork" in command(child)]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill a program, children not included; its process id of before."""
        pid = self.pid(name)
        with suppress(ProcessLookupError):  # it has just ended, and nobody has seen that yet
            os.kill(pid, number)
        return pid

    def wait_back(self, name: str, before: int, seconds: float = BACK_SECONDS) -> int:
        """Wait until a program runs as another process than `before`; its process id."""
        wait_until(lambda: self._running(name) not in (None, before), f"{name} to be back", seconds)
        return self.pid(name)

    def wait_ready(self, seconds: float = BACK_SECONDS) -> None:
        """Wait until every part answers."""
        self.stack.wait_ready(seconds)


def command(process: psutil.Process) -> list[str]:
    """The command line of a process; empty when it has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
