"""What the pipeline is made of: stages, nets, decoder, clock, and the wish to stop."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from infra.catalogue.style import WeightedNet
from infra.jobs.domain.metadata import MetadataChoice
from infra.storage.port import ObjectStore
from worker.album.chunk_keeper import ChunkService
from worker.album.stages import CPU_LIMITS, Stages
from worker.engines.port import Check, Engine
from worker.pixels import Photo
from worker.pixels.memory_budget import Reservation


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
class PipelineParts:
    """All that works a chunk. `stop` is the process's wish to end."""

    service: ChunkService
    objects: ObjectStore
    nets: Nets
    tally: Tally
    stop: threading.Event
    #: As `PhotoDecoder.admit`; called by several threads at a time.
    decode: Callable[[bytes, Check, MetadataChoice], tuple[Photo, Reservation]]
    max_photo_bytes: int
    #: Seconds.
    lease_seconds: float
    heartbeat_seconds: float
    #: Monotonic, in seconds.
    clock: Callable[[], float] = time.monotonic
    stages: Stages = field(default_factory=lambda: Stages(CPU_LIMITS))
