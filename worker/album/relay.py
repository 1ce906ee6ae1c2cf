"""Chunk after chunk: the next one begins while the last photos of the one before are under way.

Otherwise the device would wait at each chunk's end until its last photo is stored, the broker has
handed out another chunk and that one's first photo is decoded.
"""

import threading
from collections import deque

import structlog

from infra.jobs.domain.claim import ClaimedChunk
from worker.album.pipeline import AlbumPipeline

log = structlog.get_logger()

#: Chunks that are at work at a time: one whose last photos are under way, and the next.
CHUNKS = 2
#: Seconds between looks at signals while a chunk is worked.
LOOKS = 0.25


class Relay:
    """Works chunks on threads of their own, `CHUNKS` at a time. For one thread's use.

    `stop` is the process's wish to end.
    """

    def __init__(self, *, pipeline: AlbumPipeline, stop: threading.Event) -> None:
        self._pipeline = pipeline
        self._stop = stop
        self._at_work: deque[_Leg] = deque()

    def run(self, claim: ClaimedChunk) -> None:
        """Return when another chunk may begin: all of this one's photos have, or it has ended.

        A chunk that is worked photo by photo, to find the one that takes workers down, is worked
        alone: no other photo may be there to be suspected. Its lease is held while it waits for
        those. An end of the process on the way has the chunks given back.
        """
        self._at_work.append(leg := _Leg(self._pipeline, claim))
        try:
            leg.start()
            if claim.solo:
                self.finish(but=1)
            leg.let_begin()
            leg.wait_begun()
            self.finish(but=0 if claim.solo or self._stop.is_set() else CHUNKS - 1)
        except (SystemExit, KeyboardInterrupt):
            self._stop.set()
            self.finish()
            raise

    def finish(self, but: int = 0) -> None:
        """Wait until no chunk but the last so many is at work."""
        while len(self._at_work) > but:
            self._at_work[0].wait_ended()
            self._at_work.popleft()


class _Leg(threading.Thread):
    """One chunk's run."""

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
            # Its photos come again when its lease runs out; the next chunk need not suffer.
            log.error("chunk left to its lease", job_id=self._claim.spec.id, exc_info=error)
        finally:
            self._begun.set()
            self._ended.set()

    def let_begin(self) -> None:
        """Let the chunk's photos in."""
        self._may_begin.set()

    def wait_begun(self) -> None:
        """Wait until every photo of the chunk has begun, or the chunk has ended."""
        while not self._begun.wait(LOOKS):
            pass

    def wait_ended(self) -> None:
        """Wait until nothing of the chunk is at work."""
        # Where an end of the process came while it was being started, it may be about to live.
        while self in threading.enumerate():
            self._ended.wait(LOOKS)
