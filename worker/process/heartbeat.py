"""The main process's work besides Celery: it sweeps, and announces that the worker lives.

It also guards the consumer, and says so where that takes nothing.
"""

import os
import threading
from typing import Self

import structlog

from infra.broker.consumer import CeleryListener
from infra.broker.notifier import CeleryNotifier
from infra.deployment import Deployment
from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import JobKind
from infra.jobs.maintenance.sweeper import Sweeper
from infra.redis.client import connect_redis
from infra.redis.worker_registry import WorkerRegistry
from worker.process.consumer_guard import ConsumerGuard
from worker.process.main_process import Consumer

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
        guard: ConsumerGuard,
        beat_seconds: float,
        lease_seconds: float,
    ) -> None:
        self._worker = worker
        self._sweeper = sweeper
        self._registry = registry
        self._guard = guard
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry-heartbeat", daemon=True)

    @classmethod
    def of(cls, deployment: Deployment, consumer: Consumer, kind: JobKind) -> Self:
        """Return the heartbeat of this process, as often as the settings say.

        Trainers announce themselves in a registry of their own: who asks whether a worker is there
        means one that paints.
        """
        # The guard's own question must not take longer than a look.
        impatient = connect_redis(deployment.settings, patient=False)
        notifier = CeleryNotifier(app=deployment.celery, client=impatient)
        return cls(
            worker=f"{consumer.hostname}/{os.getpid()}",
            sweeper=deployment.sweeper(),
            registry=deployment.trainers if kind == "train" else deployment.workers,
            guard=ConsumerGuard(CeleryListener(consumer), lambda: notifier.backlog(kind)),
            beat_seconds=deployment.settings.heartbeat_seconds,
            lease_seconds=deployment.settings.lease_seconds,
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._sweeper.start()
        self._thread.start()
        self._guard.start()

    def stop(self) -> None:
        """Stop sweeping and guarding, and take the worker out of the registry."""
        self._guard.stop()
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
                deaf = self._guard.deaf
                self._registry.announce(self._worker, self._lease_seconds, deaf=deaf)
            except ServiceUnavailable as error:
                log.warning("worker not announced", reason=error.detail)
            if self._ending.wait(self._beat_seconds):
                return
