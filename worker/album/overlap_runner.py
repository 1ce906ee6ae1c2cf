"""Overlaps chunks: the next begins while the last photos of the one before are in progress.

Without the overlap the device would idle at each chunk's end, until the last photo is stored, the
broker has delivered another chunk and that chunk's first photo is decoded.
"""

import threading
from collections import deque

import structlog

from infra.jobs.domain.claim import ClaimedChunk
from worker.album.pipeline import AlbumPipeline

log = structlog.get_logger()

#: Chunks in progress at a time: one with its last photos on the way, and the next.
CHUNKS = 2
#: Seconds between two chances for a signal handler to run while this thread waits.
POLL_SECONDS = 0.25


class ChunkOverlapRunner:
    """Works each chunk on a thread of its own, `CHUNKS` at a time. Not thread-safe.

    `stop` is set when the process has to end.
    """

    def __init__(self, *, pipeline: AlbumPipeline, stop: threading.Event) -> None:
        self._pipeline = pipeline
        self._stop = stop
        self._running: deque[_ChunkThread] = deque()

    def run(self, claim: ClaimedChunk) -> None:
        """Start a chunk; return once all its photos have begun, or once it has ended.

        A solo chunk is worked photo by photo, to find the photo that kills workers. It runs alone,
        so that no photo of another chunk can be suspected; it waits for the others to end, and its
        lease is held meanwhile. If the process is ended by an exception here, every chunk in
        progress is released first.
        """
        self._running.append(thread := _ChunkThread(self._pipeline, claim))
        try:
            thread.start()
            if claim.solo:
                self.finish(but=1)
            thread.let_begin()
            thread.wait_begun()
            self.finish(but=0 if claim.solo or self._stop.is_set() else CHUNKS - 1)
        except (SystemExit, KeyboardInterrupt):
            self._stop.set()
            self.finish()
            raise

    def finish(self, but: int = 0) -> None:
        """Wait until at most `but` chunks, the newest, are in progress."""
        while len(self._running) > but:
            self._running[0].wait_ended()
            self._running.popleft()


class _ChunkThread(threading.Thread):
    """The thread that works one chunk."""

    def __init__(self, pipeline: AlbumPipeline, claim: ClaimedChunk) -> None:
        super().__init__(name=f"chunk-{claim.number}", daemon=True)
        self._pipeline = pipeline
        self._claim = claim
        self._may_begin = threading.Event()
        self._begun = threading.Event()
        self._ended = threading.Event()

    def run(self) -> None:
        """Work the chunk."""
        try:
            self._pipeline.run(self._claim, self._begun.set, self._may_begin.is_set)
        except BaseException as error:
            # The chunk is offered again when its lease expires; the next chunk goes on.
            log.error("chunk left to its lease", job_id=self._claim.spec.id, exc_info=error)
        finally:
            self._begun.set()
            self._ended.set()

    def let_begin(self) -> None:
        """Allow the chunk's photos to begin."""
        self._may_begin.set()

    def wait_begun(self) -> None:
        """Wait until every photo of the chunk has begun, or the chunk has ended."""
        while not self._begun.wait(POLL_SECONDS):
            pass

    def wait_ended(self) -> None:
        """Wait until the thread has ended."""
        # An exception may have interrupted start(): the thread can still be about to run.
        while self in threading.enumerate():
            self._ended.wait(POLL_SECONDS)
