"""A trainer's child process: puts together the parts that slices are worked with."""

import os
import threading
from functools import lru_cache

import structlog
import torch

from infra.corpus import BUILT_IN
from infra.deployment import Deployment
from trainer.compute.arithmetic import Arithmetic, set_up_cpu
from trainer.data.corpus import Photos
from trainer.data.shards import ShardCache, ShardCorpus
from trainer.data.starter import starter_corpus
from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.weights import weights_source
from trainer.slices.opener import SessionOpener
from trainer.slices.worker import SliceWorker
from worker.engines.choice import choose_device
from worker.pixels.decoder import PhotoDecoder

log = structlog.get_logger()


class Child:
    """Works slices; lives as long as its process, and the loss network with it."""

    def __init__(self, slices: SliceWorker) -> None:
        self._slices = slices

    def work(self, job: str, worker: str) -> None:
        """Claim a training and work one slice of it."""
        self._slices.work(job, f"{worker}/{os.getpid()}")


def build_child(deployment: Deployment, stop: threading.Event) -> Child:
    """Put a child together; `stop` is set when the process is to end.

    Raises ValueError for a device, or a compiler, that is not there.
    """
    settings = deployment.settings
    set_up_cpu(settings.trainer_threads or torch.get_num_threads())
    device = choose_device(settings.device)

    def albums_wait() -> bool:
        return settings.trainer_yields and deployment.jobs.notifier.backlog("stylize") > 0

    slices = SliceWorker(
        trainings=deployment.jobs.trainings,
        objects=deployment.objects,
        catalogue=deployment.styles,
        opener=_make_opener(deployment, device),
        stop=stop,
        slice_seconds=settings.slice_seconds,
        checkpoint_seconds=settings.checkpoint_seconds,
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        albums_wait=albums_wait,
    )
    return Child(slices)


def _make_opener(deployment: Deployment, device: torch.device) -> SessionOpener:
    settings, objects = deployment.settings, deployment.objects
    # What lies here spares downloads after a restart; nothing in it is needed.
    kept = settings.data / "trainer"
    weights = weights_source(
        settings.loss_weights,
        objects,
        kept / "weights",
        download=settings.loss_weights_download,
    )
    cache = ShardCache(
        objects=objects, folder=kept / "shards", limit_bytes=settings.corpus_cache_bytes
    )

    def open_corpus(tenant: str, name: str) -> Photos:
        if name == BUILT_IN:
            return starter_corpus()
        return ShardCorpus(objects=objects, tenant=tenant, name=name, cache=cache)

    @lru_cache(maxsize=1)
    def load_network(name: str) -> LossNetwork:
        return load_loss_network(name, weights).to(device)

    return SessionOpener(
        objects=objects,
        shared=deployment.styles,
        open_corpus=open_corpus,
        load_network=load_network,
        scratch=kept / "jobs",
        decode=PhotoDecoder.of(settings).decode,
        max_photo_bytes=settings.max_photo_bytes,
        arithmetic=Arithmetic.of(device, fast=settings.trainer_fast),
    )
