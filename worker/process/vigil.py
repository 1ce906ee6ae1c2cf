"""What a worker's main process does besides Celery: it sweeps, and says that it lives."""

import os
import threading
from typing import Self

import structlog

from infra.deployment import Deployment
from infra.errors import ServiceUnavailable
from infra.jobs.maintenance.sweeper import Sweeper
from infra.redis.presence import Presence

log = structlog.get_logger()


class Vigil:
    """Keeps a sweeper running and announces the worker every `beat_seconds`.

    The announcement is good for `lease_seconds`: a killed worker is forgotten when its leases are.
    """

    def __init__(
        self,
        *,
        worker: str,
        sweeper: Sweeper,
        presence: Presence,
        beat_seconds: float,
        lease_seconds: float,
    ) -> None:
        self._worker = worker
        self._sweeper = sweeper
        self._presence = presence
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    @classmethod
    def over(cls, deployment: Deployment, presence: Presence, hostname: str) -> Self:
        """Return the vigil of this process, announced in `presence`, at the deployment's pace."""
        return cls(
            worker=f"{hostname}/{os.getpid()}",
            sweeper=deployment.sweeper(),
            presence=presence,
            beat_seconds=deployment.settings.heartbeat_seconds,
            lease_seconds=deployment.settings.lease_seconds,
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._sweeper.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping and take the worker off the list."""
        self._ending.set()
        self._thread.join()
        self._sweeper.stop()
        try:
            self._presence.leave(self._worker)
        except ServiceUnavailable as error:
            log.warning("worker left without a word", reason=error.detail)

    def _run(self) -> None:
        while True:
            try:
                self._presence.announce(self._worker, self._lease_seconds)
            except ServiceUnavailable as error:
                log.warning("worker not announced", reason=error.detail)
            if self._ending.wait(self._beat_seconds):
                return
