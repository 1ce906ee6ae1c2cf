"""One chunk on its way through the stages; see worker.album.pipeline."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import PhotoEntry, PhotoOutcome
from infra.storage.port import ObjectMissing
from worker.album.chunk_keeper import ChunkKeeper
from worker.album.failures import StyleUnusable, failed
from worker.album.parts import PipelineParts
from worker.album.photo_steps import PhotoSteps, PreparedPhoto
from worker.album.unreadable import PhotoDeferred, bounded_tries
from worker.engines.port import Engine
from worker.engines.strokes import ProportionalEngine
from worker.net.netfile import NetFileRejected
from worker.pixels.memory_budget import Reservation
from worker.pixels.photo import Pixels
from worker.process.lease_keeper import Halted

T = TypeVar("T")

#: Seconds between looks at whether the chunk is still ours while nothing arrives.
LOOKS: Final = 0.25


class Stopped(Exception):
    """The process is to end, and a photo was left in the middle."""


class ChunkRun:
    """Works a claimed chunk once, its photos from when they `may_begin`.

    `begun` is called when none of its photos waits any more.
    """

    def __init__(
        self,
        *,
        pipeline: PipelineParts,
        claim: ClaimedChunk,
        keeper: ChunkKeeper,
        begun: Callable[[], None],
        may_begin: Callable[[], bool],
    ) -> None:
        self._pipeline = pipeline
        self._stages = pipeline.stages
        self._spec = claim.spec
        self._last_attempt = claim.last_attempt
        self._keeper = keeper
        self._begun = begun
        self._may_begin = may_begin
        self._steps = PhotoSteps(
            spec=claim.spec,
            objects=pipeline.objects,
            decode=lambda data: pipeline.decode(data, self._check),
            max_bytes=pipeline.max_photo_bytes,
            clock=pipeline.clock,
        )
        self._window = 1 if claim.solo else pipeline.stages.limits.window
        self._waiting = deque(claim.photos)
        #: Photos without an outcome, and those of them that are deferred to a later round.
        self._left = len(claim.photos)
        self._deferred: list[int] = []
        #: Photos for the device, and outcomes to commit: each has a step that asks for it.
        self._ready: deque[PreparedPhoto] = deque()
        self._settled: deque[PhotoOutcome] = deque()
        #: Memory reserved for decoded photos, by their index.
        self._reservations: dict[int, Reservation] = {}
        #: What ends the run, or None: look again.
        self._inbox: SimpleQueue[BaseException | None] = SimpleQueue()
        self._lock = threading.Condition()
        self._open_steps = 0
        self._slots = 0
        self._closed = False

    def work(self) -> str:
        """Work the chunk, then hand it in (`finished`) or give it back.

        On a stop at once (`released`), for unreadable photos until later (`put-off`, the value in
        the metric). Raises Halted when the chunk is lost.
        """
        try:
            with suppress(Stopped):
                self._drive()
        finally:
            self._close()
        if self._left > len(self._deferred):
            self._keeper.release()
            return "released"
        if self._deferred:
            self._keeper.defer(self._deferred)
            return "put-off"
        self._keeper.finish()
        return "finished"

    def _drive(self) -> None:
        """Let photos in until every one is settled or left, or the process is to stop."""
        while self._left > len(self._deferred) and not self._pipeline.stop.is_set():
            self._keeper.check()
            if self._may_begin():
                self._admit()
            with suppress(Empty):
                if error := self._inbox.get(timeout=LOOKS):
                    raise error

    def _admit(self) -> None:
        """Let in as many photos as the window has slots for."""
        with self._lock:
            wanted = min(self._window - self._slots, len(self._waiting))
            taken = self._stages.slots.take(wanted, self._look) if wanted > 0 else 0
            self._slots += taken
            entries = [self._waiting.popleft() for _ in range(taken)]
        if entries:
            self._keeper.admit([entry.index for entry in entries])
            self._enter(entries)

    def _enter(self, entries: Sequence[PhotoEntry]) -> None:
        for entry in entries:
            self._submit(self._stages.prefetch, self._prepare, entry)
        if entries and not self._waiting:
            self._begun()

    def _look(self) -> None:
        self._inbox.put(None)

    @property
    def _over(self) -> bool:
        """Whether no photo may be begun or painted any more."""
        return self._closed or self._keeper.halted or self._pipeline.stop.is_set()

    def _close(self) -> None:
        """Let what is being stored be committed, and start nothing more."""
        self._closed = True
        with self._lock:
            self._lock.wait_for(lambda: not self._open_steps)
            slots, self._slots = self._slots, 0
        self._stages.slots.give_back(slots)
        for reservation in self._reservations.values():
            reservation.release()

    def _submit(self, pool: ThreadPoolExecutor, step: Callable[..., None], *args: object) -> None:
        with self._lock:
            self._open_steps += 1
        try:
            pool.submit(self._guarded, step, *args)
        except BaseException:  # the interpreter ends, or has no thread more
            self._end_step()
            raise

    def _guarded(self, step: Callable[..., None], *args: object) -> None:
        try:
            step(*args)
        except BaseException as error:
            self._inbox.put(error)
        finally:
            self._end_step()

    def _end_step(self) -> None:
        with self._lock:
            self._open_steps -= 1
            self._lock.notify_all()

    # Steps, each with the stage that takes it.

    def _prepare(self, entry: PhotoEntry) -> None:
        """Prefetch: bring a photo to the device, or to its outcome, or defer it."""
        if self._over:
            return
        ask = bounded_tries(
            lambda: self._steps.prepare(entry), last_attempt=entry.index in self._last_attempt
        )
        try:
            prepared = self._attempt(entry, lambda: self._keeper.persist(ask))
        except PhotoDeferred:
            self._defer(entry)
            return
        if isinstance(prepared, PhotoOutcome):
            self._settle(prepared)
        else:
            with self._lock:
                self._reservations[entry.index] = prepared.reservation
                self._ready.append(prepared)
            self._submit(self._stages.device, self._paint)

    def _defer(self, entry: PhotoEntry) -> None:
        """Give up a photo's slot: what waits is not to wait for it."""
        self._keeper.set_aside(entry.index)
        with self._lock:
            self._deferred.append(entry.index)
            self._slots -= 1
        self._stages.slots.give_back(1)
        self._look()

    def _paint(self) -> None:
        """Device: stylize the photos that are ready and of one size, and pass them on."""
        batch = self._next_batch()
        for prepared, painted in zip(batch, self._painted(batch), strict=True):
            if isinstance(painted, PhotoOutcome):
                self._settle(painted)
            else:
                self._submit(self._stages.postprocess, self._deliver, prepared, *painted)

    def _next_batch(self) -> list[PreparedPhoto]:
        """Take the first that is ready, and others of its size; none where a step has before."""
        batch: list[PreparedPhoto] = []
        others: deque[PreparedPhoto] = deque()
        with self._lock:
            if self._over:
                return batch
            for prepared in self._ready:
                alike = not batch or prepared.photo.rgb.shape == batch[0].photo.rgb.shape
                fits = alike and len(batch) < self._stages.limits.batch
                (batch if fits else others).append(prepared)
            self._ready = others
        return batch

    def _painted(
        self, batch: Sequence[PreparedPhoto]
    ) -> Sequence[tuple[Pixels, float] | PhotoOutcome]:
        if len(batch) > 1:
            with suppress(Exception):  # alone, each photo shows whether it is the one that fails
                return self._stylize([prepared.photo.rgb for prepared in batch])
        return [
            self._attempt(one.entry, lambda rgb=one.photo.rgb: self._stylize([rgb])[0])
            for one in batch
        ]

    def _stylize(self, photos: Sequence[Pixels]) -> list[tuple[Pixels, float]]:
        """Return the paintings, each with its share of the seconds on the device."""
        engine = self._keeper.persist(self._engine)
        started = self._pipeline.clock()
        paintings = engine.stylize_batch(photos, self._check)
        seconds = (self._pipeline.clock() - started) / len(photos)
        return [(painting, seconds) for painting in paintings]

    def _check(self) -> None:
        """End the painting of a photo in the middle: raises Halted, and Stopped on a stop."""
        self._keeper.check()
        if self._pipeline.stop.is_set():
            raise Stopped

    def _engine(self) -> Engine:
        try:
            engine = self._pipeline.nets.engine(self._spec.blend)
            return ProportionalEngine(engine) if self._spec.stroke == "proportional" else engine
        except (ObjectMissing, NetFileRejected) as error:
            raise StyleUnusable(str(error)) from error

    def _deliver(self, prepared: PreparedPhoto, painting: Pixels, seconds: float) -> None:
        """Postprocess: encode and store."""

        def store() -> PhotoOutcome:
            painted = self._steps.encode(prepared, painting, seconds)
            return self._keeper.persist(lambda: self._steps.store(painted))

        self._settle(self._attempt(prepared.entry, store))

    def _settle(self, outcome: PhotoOutcome) -> None:
        with self._lock:
            reservation = self._reservations.pop(outcome.index, None)
        if reservation:
            reservation.release()
        self._settled.append(outcome)
        self._submit(self._stages.commits, self._commit)

    def _commit(self) -> None:
        """Commits: commit the photos that have their outcome, and let others in instead."""
        outcomes = [self._settled.popleft() for _ in range(len(self._settled))]
        if not outcomes:
            return  # an earlier step has taken them
        with self._lock:
            following = [self._waiting.popleft() for _ in outcomes if self._waiting]
        self._keeper.commit(outcomes, [entry.index for entry in following])
        with self._lock:
            self._slots -= (freed := len(outcomes) - len(following))
        self._stages.slots.give_back(freed)
        for outcome in outcomes:
            self._pipeline.tally.increment("photos_total", outcome=_kind(outcome))
        self._left -= len(outcomes)
        self._enter(following)
        self._look()

    def _attempt(self, entry: PhotoEntry, action: Callable[[], T]) -> T | PhotoOutcome:
        """Return what `action` does, or the failed outcome of whatever is wrong with the photo."""
        try:
            return action()
        except (Halted, Stopped, PhotoDeferred):
            raise
        except Exception as error:
            return failed(self._spec, entry, error)


def _kind(outcome: PhotoOutcome) -> str:
    if outcome.error is not None:
        return "failed"
    return "cached" if outcome.cached else "done"
