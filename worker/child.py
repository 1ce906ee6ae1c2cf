"""A worker's child process: the nets that it keeps, and the pipeline over them."""

import os
import threading

import structlog
import torch

from infra.deployment import Deployment
from infra.errors import ServiceUnavailable
from infra.jobs.claims.album import ChunkClaims
from worker.album.overlap_runner import ChunkOverlapRunner
from worker.album.pipeline import AlbumPipeline
from worker.album.stages import CPU_LIMITS, Stages, gpu_limits
from worker.engines.choice import EngineFactory
from worker.engines.net_cache import NetCache
from worker.pixels.decoder import PhotoDecoder
from worker.process.malloc import share_one_heap

log = structlog.get_logger()


class Child:
    """Takes chunks and works them; lives as long as its process, and its nets with it."""

    def __init__(
        self, *, chunks: ChunkClaims, runner: ChunkOverlapRunner, stop: threading.Event
    ) -> None:
        self._chunks = chunks
        self._runner = runner
        self._stop = stop

    def work(self, job: str, chunk: int, worker: str) -> None:
        """Claim a chunk and work it until the next may begin; return at once if that is impossible.

        A message is never trusted: it may come twice, late, or for a chunk that is done.
        """
        if self._stop.is_set():
            return  # The sweeper sends the message again, for a process that has time left.
        try:
            claim = self._chunks.claim(job, chunk, f"{worker}/{os.getpid()}")
        except ServiceUnavailable as error:
            log.warning("chunk not claimed", job_id=job, chunk=chunk, reason=error.detail)
            return
        if claim is not None:
            self._runner.run(claim)

    def finish(self) -> None:
        """Wait until nothing is at work: to be called at the process's end."""
        self._runner.finish()


def build_child(deployment: Deployment, stop: threading.Event) -> Child:
    """Put a child together; `stop` is set when the process is to end.

    Raises ValueError for a device, an engine or a precision that is not there.
    """
    settings = deployment.settings
    share_one_heap()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    decoder = PhotoDecoder.of(settings)
    decoder.warm_up()
    engines = EngineFactory.of(settings)
    nets = NetCache(
        objects=deployment.objects,
        make_engine=engines,
        limit_bytes=settings.net_cache_bytes,
        on_load=lambda: deployment.counters.increment("net_loads_total"),
    )
    pipeline = AlbumPipeline(
        service=deployment.jobs.chunks,
        objects=deployment.objects,
        nets=nets,
        tally=deployment.counters,
        stop=stop,
        decode=decoder.admit,
        max_photo_bytes=settings.max_photo_bytes,
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        stages=Stages(gpu_limits() if engines.device.type == "cuda" else CPU_LIMITS),
    )
    runner = ChunkOverlapRunner(pipeline=pipeline, stop=stop)
    return Child(chunks=deployment.jobs.chunks, runner=runner, stop=stop)
