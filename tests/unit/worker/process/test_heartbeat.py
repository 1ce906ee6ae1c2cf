"""What a worker's main process announces of it, from its start to its end."""

import threading
import time
from typing import cast

from infra.errors import ServiceUnavailable
from infra.jobs.maintenance.sweeper import Sweeper
from infra.redis.worker_registry import WorkerRegistry
from worker.process.consumer_guard import ConsumerGuard
from worker.process.heartbeat import Heartbeat

WORKER = "worker@here/1"


class Quiet:
    """A sweeper or a guard that does nothing."""

    deaf = False

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


class Registry:
    """Keeps what is announced, or is away."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bool]] = []
        self.left: list[str] = []
        self.away = False
        self.asked = threading.Semaphore(0)

    def announce(self, worker: str, seconds: float, *, deaf: bool = False) -> None:
        assert seconds == 30
        self.asked.release()
        if self.away:
            raise ServiceUnavailable("Redis is away (in this test).")
        self.said.append((worker, deaf))

    def leave(self, worker: str) -> None:
        self.left.append(worker)


def heartbeat(registry: Registry, guard: Quiet, beat_seconds: float) -> Heartbeat:
    return Heartbeat(
        worker=WORKER,
        sweeper=cast("Sweeper", Quiet()),
        registry=cast("WorkerRegistry", registry),
        guard=cast("ConsumerGuard", guard),
        beat_seconds=beat_seconds,
        lease_seconds=30,
    )


def next_word(registry: Registry, deaf: bool) -> None:
    """Wait until the worker is announced as deaf, or as hearing."""
    deadline = time.monotonic() + 20
    while not registry.said or registry.said[-1] != (WORKER, deaf):
        assert time.monotonic() < deadline
        registry.asked.acquire(timeout=1)


def test_deaf_worker_is_announced_as_such_until_it_hears_again() -> None:
    registry, guard = Registry(), Quiet()
    beating = heartbeat(registry, guard, beat_seconds=0.01)
    beating.start()
    next_word(registry, deaf=False)
    guard.deaf = True
    next_word(registry, deaf=True)
    guard.deaf = False
    next_word(registry, deaf=False)
    beating.stop()
    assert registry.left == [WORKER]


def test_worker_goes_on_while_redis_is_away() -> None:
    registry = Registry()
    registry.away = True
    beating = heartbeat(registry, Quiet(), beat_seconds=0.01)
    beating.start()
    for _ in range(3):
        assert registry.asked.acquire(timeout=20)
    registry.away = False
    next_word(registry, deaf=False)
    beating.stop()
