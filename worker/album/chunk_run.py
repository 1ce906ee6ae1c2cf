"""One chunk on its way through the stages; see worker.album.pipeline."""

import threading
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
from worker.album.queues.batch_queue import BatchQueue
from worker.album.queues.commit_queue import CommitQueue
from worker.album.queues.window import Window
from worker.album.unreadable import PhotoDeferred, bounded_tries
from worker.engines.port import Engine
from worker.net.netfile import NetFileRejected
from worker.pixels.photo import Pixels
from worker.process.lease_keeper import Halted

T = TypeVar("T")

#: Seconds after which the driving thread checks the lease though nothing woke it.
POLL_SECONDS: Final = 0.25


class Stopped(Exception):
    """The process has to stop, and a photo was abandoned half done."""


class ChunkRun:
    """One attempt at a claimed chunk. No photo begins before `may_begin` returns true.

    The thread that calls `work` drives the run; the steps run in the threads of the stages. `begun`
    is called when the last of the photos begins.
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
            decode=lambda data: pipeline.decode(data, self._check, claim.spec.metadata),
            max_bytes=pipeline.max_photo_bytes,
            clock=pipeline.clock,
        )
        self._window = Window(
            claim.photos,
            slots=pipeline.stages.slots,
            limit=1 if claim.solo else pipeline.stages.limits.window,
            freed=self._wake,
        )
        #: Each photo in the two queues has a step, submitted after it, that takes it out.
        self._batches = BatchQueue()
        self._commits = CommitQueue(len(claim.photos))
        #: Wakes the driving thread: an error that ends the run, or None to look around.
        self._inbox: SimpleQueue[BaseException | None] = SimpleQueue()
        #: Set by the driving thread alone: no step begins anything new.
        self._closed = False
        #: Guards `_open_steps` and nothing else; notified when a step ends.
        self._step_ended = threading.Condition()
        self._open_steps = 0

    def work(self) -> str:
        """Work the chunk and return how it ended.

        The values are the metric's. `finished`: every photo has an outcome. `released`: the process
        has to stop, and the chunk is offered again at once. `put-off`: it is offered again later,
        for the photos that were unreadable.
        Raises Halted when the chunk is lost.
        """
        try:
            with suppress(Stopped):
                self._drive()
        finally:
            self._close()
        if self._commits.open:
            self._keeper.release()
            return "released"
        if deferred := self._commits.deferred:
            self._keeper.defer(deferred)
            return "put-off"
        self._keeper.finish()
        return "finished"

    def _drive(self) -> None:
        """Let photos in until each is committed or deferred, or the process has to stop."""
        while self._commits.open and not self._pipeline.stop.is_set():
            self._keeper.check()
            if self._may_begin():
                self._admit()
            with suppress(Empty):
                if error := self._inbox.get(timeout=POLL_SECONDS):
                    raise error

    def _admit(self) -> None:
        """Let in as many photos as there are slots for, and report them before they are touched."""
        if entries := self._window.admit():
            self._keeper.admit([entry.index for entry in entries])
            self._enter(entries)

    def _enter(self, entries: Sequence[PhotoEntry]) -> None:
        for entry in entries:
            self._submit(self._stages.prefetch, self._prepare, entry)
        if entries and self._window.exhausted:
            self._begun()

    def _wake(self) -> None:
        self._inbox.put(None)

    @property
    def _over(self) -> bool:
        """Whether no photo may be begun or painted any more."""
        return self._closed or self._keeper.halted or self._pipeline.stop.is_set()

    def _close(self) -> None:
        """Begin nothing more, wait for the steps in progress, then give slots and memory back.

        A photo that is being stored meanwhile is still committed.
        """
        self._closed = True
        with self._step_ended:
            self._step_ended.wait_for(lambda: not self._open_steps)
        self._window.close()
        self._batches.close()

    def _submit(self, pool: ThreadPoolExecutor, step: Callable[..., None], *args: object) -> None:
        with self._step_ended:
            self._open_steps += 1
        try:
            pool.submit(self._guarded, step, *args)
        except BaseException:  # the interpreter shuts down, or no thread can be started
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
        with self._step_ended:
            self._open_steps -= 1
            self._step_ended.notify_all()

    # Steps. Each docstring begins with the stage whose threads run it.

    def _prepare(self, entry: PhotoEntry) -> None:
        """Prefetch: queue a photo for the device, settle it without, or defer it."""
        if self._over:
            return
        prepare = bounded_tries(
            lambda: self._steps.prepare(entry), last_attempt=entry.index in self._last_attempt
        )
        try:
            prepared = self._attempt(entry, lambda: self._keeper.persist(prepare))
        except PhotoDeferred:
            self._defer(entry)
            return
        if isinstance(prepared, PhotoOutcome):
            self._settle(prepared)
        else:
            self._batches.put(prepared)
            self._submit(self._stages.device, self._paint)

    def _defer(self, entry: PhotoEntry) -> None:
        """Leave a photo to a later round, and its slot to the next photo at once."""
        self._keeper.set_aside(entry.index)
        self._commits.defer(entry.index)
        self._window.free(1)
        self._wake()

    def _paint(self) -> None:
        """Device: stylize the next batch, and pass it on."""
        batch = [] if self._over else self._batches.take(self._stages.limits.batch)
        for prepared, painted in zip(batch, self._painted(batch), strict=True):
            if isinstance(painted, PhotoOutcome):
                self._settle(painted)
            else:
                self._submit(self._stages.postprocess, self._deliver, prepared, *painted)

    def _painted(
        self, batch: Sequence[PreparedPhoto]
    ) -> Sequence[tuple[Pixels, float] | PhotoOutcome]:
        if len(batch) > 1:
            with suppress(Exception):  # painted one by one below, so that only the bad one fails
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
        """Raise Halted when the chunk is lost, and Stopped when the process has to stop."""
        self._keeper.check()
        if self._pipeline.stop.is_set():
            raise Stopped

    def _engine(self) -> Engine:
        try:
            return self._pipeline.nets.engine(self._spec.blend, self._spec.stroke)
        except (ObjectMissing, NetFileRejected) as error:
            raise StyleUnusable(str(error)) from error

    def _deliver(self, prepared: PreparedPhoto, painting: Pixels, seconds: float) -> None:
        """Postprocess: encode and store."""

        def store() -> PhotoOutcome:
            painted = self._steps.encode(prepared, painting, seconds)
            return self._keeper.persist(lambda: self._steps.store(painted))

        self._settle(self._attempt(prepared.entry, store))

    def _settle(self, outcome: PhotoOutcome) -> None:
        self._batches.release(outcome.index)
        self._commits.put(outcome)
        self._submit(self._stages.commits, self._commit)

    def _commit(self) -> None:
        """Commits: commit the outcomes that are queued, and let other photos in instead."""
        outcomes = self._commits.take()
        if not outcomes:
            return  # an earlier step has taken them
        following = self._window.replace(len(outcomes))
        self._keeper.commit(outcomes, [entry.index for entry in following])
        self._window.free(len(outcomes) - len(following))
        for outcome in outcomes:
            self._pipeline.tally.increment("photos_total", outcome=_kind(outcome))
        self._commits.committed(len(outcomes))
        self._enter(following)
        self._wake()

    def _attempt(self, entry: PhotoEntry, action: Callable[[], T]) -> T | PhotoOutcome:
        """Return the result of `action`, or the failed outcome of a photo for which it raised."""
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
