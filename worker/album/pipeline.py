"""The album pipeline: works the photos of claimed chunks, and the device never waits.

    ahead (threads)            device (thread)   behind (threads)   commits (thread)
    fetch → look up → decode → stylize         → encode → store   → commit

A photo enters when one before it is committed, so that no more of them exist at a time than the
window has places, decoded or not; and each is named as in flight before it is touched.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from infra.jobs.domain.claim import ClaimedChunk

from infra.catalogue.style import WeightedNet
from infra.storage.port import ObjectStore
from worker.album.chunk_run import ChunkRun
from worker.album.ledger import ChunkService, Halted, Ledger
from worker.album.stages import CPU_PACE, Stages
from worker.engines.port import Check, Engine
from worker.pixels import Photo
from worker.pixels.memory_budget import Part


class Nets(Protocol):
    """What the pipeline needs of NetCache."""

    def engine(self, nets: Sequence[WeightedNet]) -> Engine:
        """Return the engine of a blend; raises ObjectMissing and NetFileRejected."""
        ...


class Tally(Protocol):
    """What the pipeline needs of Counters."""

    def increment(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter; never raises because of an outage."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumPipeline:
    """Works claimed chunks; several at a time share its stages. `stop` is the process's wish."""

    service: ChunkService
    objects: ObjectStore
    nets: Nets
    tally: Tally
    stop: threading.Event
    #: As `PhotoDecoder.admit`; called by several threads at a time.
    decode: Callable[[bytes, Check], tuple[Photo, Part]]
    max_photo_bytes: int
    #: Seconds.
    lease_seconds: float
    heartbeat_seconds: float
    #: Monotonic, in seconds.
    clock: Callable[[], float] = time.monotonic
    stages: Stages = field(default_factory=lambda: Stages(CPU_PACE))

    def run(
        self,
        claim: ClaimedChunk,
        begun: Callable[[], None] = lambda: None,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        """Work a chunk until every photo has its outcome, the chunk is lost, or `stop` is set.

        `begun` is called when none of its photos waits any more: the next chunk's may come in. None
        begins before `may_begin`, but the chunk's lease is held.
        Nothing about a photo or an outage raises. Any other error leaves the chunk to its lease,
        so that it comes again later and not at once; an end of the process gives it back.
        """
        with self._ledger(claim) as ledger:
            try:
                run = ChunkRun(
                    pipeline=self, claim=claim, ledger=ledger, begun=begun, may_begin=may_begin
                )
                ended = run.work()
            except Halted:
                ended = "lost"
            except (SystemExit, KeyboardInterrupt):
                ledger.release()
                raise
        self.tally.increment("chunks_total", outcome=ended)

    def _ledger(self, claim: ClaimedChunk) -> Ledger:
        return Ledger(
            service=self.service,
            claim=claim,
            stop=self.stop,
            lease_seconds=self.lease_seconds,
            heartbeat_seconds=self.heartbeat_seconds,
            clock=self.clock,
        )
