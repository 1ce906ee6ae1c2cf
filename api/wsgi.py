"""The WSGI entry point for gunicorn: the app over the servers that the settings name."""

import threading
import time
from collections.abc import Callable

import structlog
from flask import Flask

from api.app import create_app
from api.health import Waiting
from api.services import Services
from infra import layout
from infra.broker.notifier import CeleryNotifier
from infra.catalogue.changes import StyleChanges
from infra.deployment import Deployment, connect, prepare
from infra.errors import ImpastoError
from infra.log import configure_logging
from infra.redis.client import require_usable
from infra.redis.worker_registry import WorkerRegistry
from infra.settings import Settings, load_settings
from infra.tenants import jobs_before_keys

#: Seconds between attempts to prepare the bucket.
PREPARE_SECONDS = 2.0

log = structlog.get_logger(__name__)


def application() -> Flask:
    """Build the app from the environment; it answers /healthz before any server is there."""
    settings = load_settings()
    configure_logging(settings.log_level, "api")
    check_settings(settings)
    deployment = connect(settings)

    def work() -> None:
        prepare(settings)
        tell_of_jobs_before_keys(deployment)

    preparation = Preparation(work)
    preparation.start()
    return create_app(make_services(deployment, preparation))


def make_services(deployment: Deployment, preparation: "Preparation") -> Services:
    """Build the services of the API from a deployment."""
    notifier = CeleryNotifier(app=deployment.celery, client=deployment.redis)
    return Services(
        settings=deployment.settings,
        jobs=deployment.jobs,
        previews=deployment.previews.intake,
        styles=deployment.styles,
        changes=StyleChanges(objects=deployment.objects, clock=time.time),
        objects=deployment.objects,
        counters=deployment.counters,
        gauges={
            "jobs_open": lambda: len(deployment.records.open_jobs()),
            "queue_messages": notifier.backlog,
            "train_queue_messages": lambda: notifier.backlog("train"),
            "workers": lambda: len(deployment.workers.alive()),
            "workers_consuming": lambda: len(deployment.workers.consuming()),
            "trainers": lambda: len(deployment.trainers.alive()),
            "trainers_consuming": lambda: len(deployment.trainers.consuming()),
        },
        probes={
            "redis": lambda: require_usable(deployment.redis),
            "s3": deployment.objects.ping,
            "styles": preparation.check,
            "workers": lambda: _require_workers(deployment.workers),
        },
    )


class Preparation:
    """Makes the bucket and publishes the bundled styles, as soon as S3 lets it."""

    def __init__(self, work: Callable[[], None], *, pause: float = PREPARE_SECONDS) -> None:
        self._work = work
        self._pause = pause
        self._missing: str | None = "the bundled styles are being published"

    def start(self) -> None:
        """Begin in the background, and go on until it is done."""
        threading.Thread(target=self.run, name="preparation", daemon=True).start()

    def check(self) -> None:
        """Raise Waiting, with the reason, until everything is prepared."""
        if self._missing is not None:
            raise Waiting(self._missing)

    def run(self) -> None:
        """Retry until it is done: whatever fails now may be repaired."""
        while self._missing is not None:
            try:
                self._work()
                self._missing = None
            except ImpastoError as error:
                self._missing = error.detail
                log.warning("not prepared yet", reason=error.detail)
                time.sleep(self._pause)


def _require_workers(registry: WorkerRegistry) -> None:
    if not registry.alive():
        raise Waiting("no worker has announced itself")
    if not registry.consuming():
        raise Waiting("no worker listens for work: each connects to Redis anew, or ends")


def check_settings(settings: Settings) -> None:
    """Refuse settings that would open the service to strangers; raises ValueError."""
    if settings.open_to_strangers:
        raise ValueError(
            f"IMPASTO_HOST={settings.host} lets other machines in: set IMPASTO_API_KEYS as well."
        )


def tell_of_jobs_before_keys(deployment: Deployment) -> None:
    """Log where jobs are that nobody sees since there are keys; raises ServiceUnavailable."""

    def has_jobs(tenant: str) -> bool:
        return any(deployment.objects.list(layout.newest_prefix(tenant)))

    if note := jobs_before_keys(deployment.settings.api_keys, has_jobs):
        log.warning("jobs of no tenant with a key", reason=note)
