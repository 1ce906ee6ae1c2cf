"""Connects a process to its services, and prepares S3 at the first start."""

import time
from dataclasses import dataclass
from pathlib import Path

from celery import Celery  # pyright: ignore[reportMissingTypeStubs]

from infra.broker.notifier import CeleryNotifier, celery_app
from infra.bundled import BUNDLED_BACKBONE, BUNDLED_BASE, BUNDLED_STYLES
from infra.catalogue import StyleCatalogue
from infra.jobs.maintenance.sweeper import Sweeper
from infra.jobs.service import JobServices, connect_jobs
from infra.previews.service import PreviewServices, connect_previews
from infra.redis.client import RedisClient, connect_redis
from infra.redis.counters import Counters
from infra.redis.job_store import RedisJobStore
from infra.redis.preview_queue import RedisPreviewQueue
from infra.redis.worker_registry import TRAINERS_KEY, WorkerRegistry
from infra.settings import Settings
from infra.storage.s3 import S3Store, connect_s3


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The services of one process, all over the same Redis and S3."""

    settings: Settings
    objects: S3Store
    redis: RedisClient
    celery: Celery
    records: RedisJobStore
    jobs: JobServices
    previews: PreviewServices
    styles: StyleCatalogue
    counters: Counters
    workers: WorkerRegistry
    #: The same for trainers.
    trainers: WorkerRegistry

    def sweeper(self) -> Sweeper:
        """Return a sweeper for this process, not started."""
        return Sweeper(
            sweeps=(self.jobs.sweep, self.previews.sweep),
            take_turn=self.records.take_turn,
            seconds=self.settings.sweep_seconds,
        )


def connect(settings: Settings) -> Deployment:
    """Put the services together; nothing is sent yet.

    Raises ServiceUnavailable when the settings name no Redis or no S3, InvalidSettings when what
    they name cannot be one.
    """
    objects = connect_s3(settings)
    redis = connect_redis(settings)
    celery = celery_app(settings)
    records = RedisJobStore(client=redis)
    notifier = CeleryNotifier(app=celery, client=redis)
    jobs = connect_jobs(
        objects=objects, records=records, notifier=notifier, clock=time.time, settings=settings
    )
    previews = connect_previews(
        objects=objects,
        queue=RedisPreviewQueue(client=redis),
        notifier=notifier,
        clock=time.time,
        settings=settings,
    )
    return Deployment(
        settings=settings,
        objects=objects,
        redis=redis,
        celery=celery,
        records=records,
        jobs=jobs,
        previews=previews,
        styles=StyleCatalogue(objects),
        counters=Counters(client=redis),
        workers=WorkerRegistry(client=redis),
        trainers=WorkerRegistry(client=redis, key=TRAINERS_KEY),
    )


def prepare(
    settings: Settings, styles: Path = BUNDLED_STYLES, backbone: Path = BUNDLED_BACKBONE
) -> None:
    """Make the bucket, publish the style folders in `styles`, and keep what new styles start from.

    Safe to repeat, and in two places at once. Raises ServiceUnavailable when S3 cannot be
    reached, InvalidRequest when a style folder does not match its card.
    """
    objects = connect_s3(settings)
    objects.ensure_bucket()
    catalogue = StyleCatalogue(objects)
    # Before the styles that are applied to it; older styles keep to the older ones.
    shared = backbone.read_bytes()
    catalogue.choose_backbone(catalogue.put_backbone(shared))
    for card in sorted(styles.glob("*/card.json")):
        catalogue.publish(card.parent)
    for base in (shared, BUNDLED_BASE.read_bytes()):
        catalogue.publish_base(base)
