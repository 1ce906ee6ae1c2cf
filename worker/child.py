"""A worker's child process: the nets that it keeps, and the pipeline over them."""

import os
import threading

import structlog
import torch

from infra.deployment import Deployment
from infra.errors import ServiceUnavailable
from infra.jobs.claims.album import ChunkClaims
from worker.album.overlap_runner import ChunkOverlapRunner
from worker.album.parts import PipelineParts
from worker.album.pipeline import AlbumPipeline
from worker.album.stages import CPU_LIMITS, Stages, gpu_limits
from worker.engines.choice import EngineFactory
from worker.engines.net_cache import NetCache
from worker.pixels.decoder import PhotoDecoder
from worker.previews.painter import PreviewPainter
from worker.process.lease_keeper import LeaseTiming
from worker.process.malloc import share_one_heap

log = structlog.get_logger()


class Child:
    """Takes chunks and works them; lives as long as its process, and its nets with it."""

    def __init__(
        self,
        *,
        chunks: ChunkClaims,
        runner: ChunkOverlapRunner,
        previews: PreviewPainter,
        stop: threading.Event,
    ) -> None:
        self._chunks = chunks
        self._runner = runner
        self._previews = previews
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

    def preview(self, tenant: str, preview: str) -> None:
        """Paint a preview, while the last photos of a chunk may still be under way.

        Its message is trusted no more than a chunk's.
        """
        if not self._stop.is_set():
            self._previews.work(tenant, preview)

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
    return Child(
        chunks=deployment.jobs.chunks,
        runner=runner,
        previews=_previews(deployment, pipeline),
        stop=stop,
    )


def _previews(deployment: Deployment, parts: PipelineParts) -> PreviewPainter:
    """Let previews be painted with the parts of the album pipeline."""
    return PreviewPainter(
        claims=deployment.previews.claims,
        objects=parts.objects,
        nets=parts.nets,
        tally=parts.tally,
        stop=parts.stop,
        decode=parts.decode,
        device=parts.stages.device,
        max_photo_bytes=parts.max_photo_bytes,
        timing=LeaseTiming(
            lease_seconds=parts.lease_seconds, heartbeat_seconds=parts.heartbeat_seconds
        ),
    )
