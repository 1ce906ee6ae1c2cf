"""The main process's work besides Celery: it sweeps, and announces that the worker lives."""

import os
import threading
from typing import Self

import structlog

from infra.deployment import Deployment
from infra.errors import ServiceUnavailable
from infra.jobs.maintenance.sweeper import Sweeper
from infra.redis.worker_registry import WorkerRegistry

log = structlog.get_logger()


class Heartbeat:
    """Keeps a sweeper running and announces the worker every `beat_seconds`.

    The announcement is good for `lease_seconds`: a killed worker is forgotten when its leases are.
    """

    def __init__(
        self,
        *,
        worker: str,
        sweeper: Sweeper,
        registry: WorkerRegistry,
        beat_seconds: float,
        lease_seconds: float,
    ) -> None:
        self._worker = worker
        self._sweeper = sweeper
        self._registry = registry
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry-heartbeat", daemon=True)

    @classmethod
    def of(cls, deployment: Deployment, registry: WorkerRegistry, hostname: str) -> Self:
        """Return the heartbeat of this process in a registry, as often as the settings say."""
        return cls(
            worker=f"{hostname}/{os.getpid()}",
            sweeper=deployment.sweeper(),
            registry=registry,
            beat_seconds=deployment.settings.heartbeat_seconds,
            lease_seconds=deployment.settings.lease_seconds,
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._sweeper.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping and take the worker out of the registry."""
        self._ending.set()
        self._thread.join()
        self._sweeper.stop()
        try:
            self._registry.leave(self._worker)
        except ServiceUnavailable as error:
            log.warning("worker not unregistered", reason=error.detail)

    def _run(self) -> None:
        while True:
            try:
                self._registry.announce(self._worker, self._lease_seconds)
            except ServiceUnavailable as error:
                log.warning("worker not announced", reason=error.detail)
            if self._ending.wait(self._beat_seconds):
                return
