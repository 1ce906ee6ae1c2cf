"""The album pipeline: works the photos of one claimed chunk, and the device never waits.

    ahead (threads)            device (caller's thread)     behind (thread)
    fetch → look up → decode → stylize                    → encode → store → commit

A photo enters when the one before it is committed, so at most `WINDOW` of them exist at a time,
decoded or not, and each is named as in flight before it is touched.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeVar

from infra.jobs.model import PhotoEntry, PhotoOutcome, WeightedNet
from infra.jobs.views import ClaimedChunk
from infra.storage.port import ObjectMissing, ObjectStore
from worker.engines.port import Engine
from worker.failures import StyleUnusable, failed
from worker.ledger import ChunkService, Halted, Ledger
from worker.netfile import NetFileRejected
from worker.photo_steps import PhotoSteps, PreparedPhoto
from worker.pixels import Photo
from worker.pixels.photo import Pixels

T = TypeVar("T")

#: Photos of a chunk that are at work at a time: one being stored, one on the device, one decoded
#: or being decoded. Each may hold its pixels twice, so this bounds the memory.
WINDOW: Final = 3
#: Seconds between looks at whether the chunk is still ours while nothing arrives.
LOOKS: Final = 0.25


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
    """Works claimed chunks, one at a time. `stop` is the process's wish to end."""

    service: ChunkService
    objects: ObjectStore
    nets: Nets
    tally: Tally
    stop: threading.Event
    #: As `PhotoDecoder.decode`; called by several threads at a time.
    decode: Callable[[bytes], Photo]
    max_photo_bytes: int
    #: Seconds.
    lease_seconds: float
    heartbeat_seconds: float
    #: Monotonic, in seconds.
    clock: Callable[[], float] = time.monotonic

    def run(self, claim: ClaimedChunk) -> None:
        """Work a chunk until every photo has its outcome, the chunk is lost, or `stop` is set.

        Nothing about a photo or an outage raises. Any other error leaves the chunk to its lease,
        so that it comes again later and not at once; an end of the process gives it back.
        """
        with self._ledger(claim) as ledger:
            try:
                ended = ChunkRun(pipeline=self, claim=claim, ledger=ledger).work()
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


class ChunkRun:
    """One chunk on its way through the pipeline."""

    def __init__(self, *, pipeline: AlbumPipeline, claim: ClaimedChunk, ledger: Ledger) -> None:
        self._pipeline = pipeline
        self._spec = claim.spec
        self._ledger = ledger
        self._steps = PhotoSteps(
            spec=claim.spec,
            objects=pipeline.objects,
            decode=pipeline.decode,
            max_bytes=pipeline.max_photo_bytes,
            clock=pipeline.clock,
        )
        self._window = 1 if claim.solo else WINDOW
        self._waiting = deque(claim.photos)
        self._left = len(claim.photos)
        #: What the device's thread is told: a photo to paint, that one is settled (None), or an
        #: error that ends the run.
        self._inbox: SimpleQueue[PreparedPhoto | BaseException | None] = SimpleQueue()
        self._ahead = ThreadPoolExecutor(max(WINDOW - 1, 1), thread_name_prefix="ahead")
        # One thread, because the service takes one report of outcomes at a time.
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._gate = threading.Lock()
        self._closed = False

    def work(self) -> str:
        """Work the chunk, then hand it in (`finished`) or, on a stop, give it back (`released`).

        Raises Halted when the chunk is lost.
        """
        try:
            self._drive()
        finally:
            self._close()
        if self._left:
            self._ledger.release()
            return "released"
        self._ledger.finish()
        return "finished"

    def _drive(self) -> None:
        """Feed the device until every photo is settled or the process is to stop."""
        self._start()
        while self._left and not self._pipeline.stop.is_set():
            self._ledger.check()
            # No name for what arrives: it would keep a painted photo's pixels alive.
            with suppress(Empty):
                self._take(self._inbox.get(timeout=LOOKS))

    def _start(self) -> None:
        first = [self._waiting.popleft() for _ in range(min(self._window, len(self._waiting)))]
        if first:
            self._ledger.admit([entry.index for entry in first])
        for entry in first:
            self._submit(self._ahead, self._prepare, entry)

    def _take(self, arrived: PreparedPhoto | BaseException | None) -> None:
        if isinstance(arrived, BaseException):
            raise arrived
        if arrived is not None:
            self._paint(arrived)

    def _close(self) -> None:
        """Let what is being stored be committed, and start nothing more."""
        with self._gate:
            self._closed = True
        self._behind.shutdown(wait=True)
        self._ahead.shutdown(wait=True, cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, step: Callable[..., None], *args: object) -> None:
        with self._gate:
            if not self._closed:
                pool.submit(self._guarded, step, *args)

    def _guarded(self, step: Callable[..., None], *args: object) -> None:
        try:
            step(*args)
        except BaseException as error:
            self._inbox.put(error)

    # Steps of one photo, each with the thread that takes it.

    def _prepare(self, entry: PhotoEntry) -> None:
        """Ahead: bring a photo to the device, or to its outcome."""
        prepared = self._attempt(
            entry, lambda: self._ledger.persist(lambda: self._steps.prepare(entry))
        )
        if isinstance(prepared, PhotoOutcome):
            self._submit(self._behind, self._commit, prepared)
        else:
            self._inbox.put(prepared)

    def _paint(self, prepared: PreparedPhoto) -> None:
        """Device: stylize a photo and pass it on."""
        painted = self._attempt(prepared.entry, lambda: self._stylize(prepared.photo.rgb))
        if isinstance(painted, PhotoOutcome):
            self._submit(self._behind, self._commit, painted)
        else:
            self._submit(self._behind, self._deliver, prepared, *painted)

    def _deliver(self, prepared: PreparedPhoto, painting: Pixels, seconds: float) -> None:
        """Behind: encode, store and commit."""

        def store() -> PhotoOutcome:
            painted = self._steps.encode(prepared, painting, seconds)
            return self._ledger.persist(lambda: self._steps.store(painted))

        self._commit(self._attempt(prepared.entry, store))

    def _commit(self, outcome: PhotoOutcome) -> None:
        """Behind: commit a photo and let the next one in."""
        following = [self._waiting.popleft()] if self._waiting else []
        self._ledger.commit(outcome, [entry.index for entry in following])
        self._left -= 1
        self._pipeline.tally.increment("photos_total", outcome=_kind(outcome))
        for entry in following:
            self._submit(self._ahead, self._prepare, entry)
        self._inbox.put(None)

    def _stylize(self, rgb: Pixels) -> tuple[Pixels, float]:
        """Return the painting and the seconds that it took on the device."""
        engine = self._ledger.persist(self._engine)
        started = self._pipeline.clock()
        painting = engine.stylize(rgb)
        return painting, self._pipeline.clock() - started

    def _engine(self) -> Engine:
        try:
            return self._pipeline.nets.engine(self._spec.blend)
        except (ObjectMissing, NetFileRejected) as error:
            raise StyleUnusable(str(error)) from error

    def _attempt(self, entry: PhotoEntry, action: Callable[[], T]) -> T | PhotoOutcome:
        """Return what `action` does, or the failed outcome of whatever is wrong with the photo."""
        try:
            return action()
        except Halted:
            raise
        except Exception as error:
            return failed(self._spec, entry, error)


def _kind(outcome: PhotoOutcome) -> str:
    if outcome.error is not None:
        return "failed"
    return "cached" if outcome.cached else "done"
