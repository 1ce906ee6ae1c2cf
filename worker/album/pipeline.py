"""The album pipeline: works the photos of claimed chunks so that the device never waits.

    prefetch (threads)         device (thread)   postprocess (threads)   commits (thread)
    fetch → look up → decode → stylize         → encode → store        → commit

A photo enters when one before it is committed, so there are never more photos in progress than the
window has slots, decoded or not. Each is reported as in flight before it is touched.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from infra.jobs.domain.claim import ClaimedChunk
from worker.album.chunk_keeper import ChunkKeeper
from worker.album.chunk_run import ChunkRun
from worker.album.parts import PipelineParts
from worker.process.lease_keeper import Halted, LeaseTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumPipeline(PipelineParts):
    """Works claimed chunks; chunks that run at the same time share its stages."""

    def run(
        self,
        claim: ClaimedChunk,
        begun: Callable[[], None] = lambda: None,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        """Work a chunk until every photo has its outcome, the chunk is lost, or `stop` is set.

        `begun` is called when the last photo has begun: photos of the next chunk may enter. No
        photo begins before `may_begin` returns true; the lease is held meanwhile.

        A bad photo or an outage raises nothing. After any other error the chunk is offered again
        when its lease expires, not at once. SystemExit and KeyboardInterrupt release it first.
        """
        ended = "lost"
        with suppress(Halted), self._keeper(claim) as keeper:
            run = ChunkRun(
                pipeline=self, claim=claim, keeper=keeper, begun=begun, may_begin=may_begin
            )
            ended = run.work()
        self.tally.increment("chunks_total", outcome=ended)

    def _keeper(self, claim: ClaimedChunk) -> ChunkKeeper:
        return ChunkKeeper(
            service=self.service,
            claim=claim,
            stop=self.stop,
            timing=LeaseTiming(
                lease_seconds=self.lease_seconds,
                heartbeat_seconds=self.heartbeat_seconds,
                clock=self.clock,
            ),
        )
