"""The parts of the pipeline: stages, nets, decoder, clock, and the event that stops it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from infra.catalogue.style import WeightedNet
from infra.jobs.domain.model import Stroke
from infra.jobs.metadata import MetadataChoice
from infra.storage.port import ObjectStore
from worker.album.chunk_keeper import ChunkService
from worker.album.stages import CPU_LIMITS, Stages
from worker.engines.port import Check, Engine
from worker.pixels import Photo
from worker.pixels.memory_budget import Reservation


class Nets(Protocol):
    """The part of NetCache that the pipeline uses."""

    def engine(self, nets: Sequence[WeightedNet], stroke: Stroke = "native") -> Engine:
        """Return the engine of a blend; raises ObjectMissing and NetFileRejected."""
        ...


class Tally(Protocol):
    """The part of Counters that the pipeline uses."""

    def increment(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter; never raises because of an outage."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineParts:
    """Everything that a chunk is worked with. `stop` is set when the process has to end."""

    service: ChunkService
    objects: ObjectStore
    nets: Nets
    tally: Tally
    stop: threading.Event
    #: `PhotoDecoder.admit` or the like; called from several threads at a time.
    decode: Callable[[bytes, Check, MetadataChoice], tuple[Photo, Reservation]]
    max_photo_bytes: int
    #: Seconds.
    lease_seconds: float
    heartbeat_seconds: float
    #: Monotonic, in seconds.
    clock: Callable[[], float] = time.monotonic
    stages: Stages = field(default_factory=lambda: Stages(CPU_LIMITS))
