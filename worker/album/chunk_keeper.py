"""The lease keeper of a chunk: commits, and what is in flight.

Every photo is named as in flight before it is touched: should it take the process down, the
sweeper knows which photos to suspect.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import PhotoOutcome
from worker.process.lease_keeper import Halted, LeaseKeeper, LeaseTiming

T = TypeVar("T")


class ChunkService(Protocol):
    """The part of ChunkClaims that a chunk's keeper calls."""

    def report(
        self,
        claim: ClaimedChunk,
        outcomes: Sequence[PhotoOutcome],
        in_flight: Collection[int] | None = None,
    ) -> None:
        """Commit outcomes, say what is in flight, extend the lease; raises StaleLease."""
        ...

    def finish(self, claim: ClaimedChunk) -> None:
        """Hand the chunk in; raises StaleLease."""
        ...

    def release(self, claim: ClaimedChunk, *, notify: bool = True) -> None:
        """Give the chunk back."""
        ...

    def defer(self, claim: ClaimedChunk, photos: Collection[int]) -> None:
        """Give the chunk back for a later round; raises StaleLease."""
        ...


class ChunkKeeper(LeaseKeeper):
    """Keeps the lease of one claimed chunk and commits its photos. Several threads may use it."""

    def __init__(
        self,
        *,
        service: ChunkService,
        claim: ClaimedChunk,
        stop: threading.Event,
        timing: LeaseTiming,
    ) -> None:
        super().__init__(stop=stop, timing=timing, job_id=claim.spec.id, chunk=claim.number)
        self._service = service
        self._claim = claim
        self._in_flight: set[int] = set()
        self._writing = threading.Lock()

    def admit(self, indices: Collection[int]) -> None:
        """Name photos as in flight, before they are touched."""
        with self._writing:
            self._in_flight.update(indices)
            self._report([])

    def commit(self, outcomes: Sequence[PhotoOutcome], admitted: Collection[int]) -> None:
        """Commit photos and, in the same message, name those that come next."""
        with self._writing:
            self._in_flight.difference_update(outcome.index for outcome in outcomes)
            self._in_flight.update(admitted)
            self._report(outcomes)

    def set_aside(self, index: int) -> None:
        """Take a photo out of what is in flight; the next report says so."""
        with self._writing:
            self._in_flight.discard(index)

    def finish(self) -> None:
        """Hand in the chunk."""
        self.hand_in(lambda: self._service.finish(self._claim))

    def defer(self, photos: Collection[int]) -> None:
        """Hand the chunk back for a later round, in which `photos` may be readable."""
        self.hand_in(lambda: self._service.defer(self._claim, photos))

    def persist(self, action: Callable[[], T]) -> T:
        """As LeaseKeeper.persist, but an outage that is endured no longer halts the chunk.

        It is no photo's fault. The chunk is given back at once, because the other threads that work
        on it may take minutes to end.
        """
        try:
            return super().persist(action)
        except ServiceUnavailable as error:
            self.release(notify=False)
            raise Halted from error

    def _report(self, outcomes: Sequence[PhotoOutcome]) -> None:
        self.persist(
            lambda: self._extended(
                lambda: self._service.report(self._claim, outcomes, sorted(self._in_flight))
            )
        )

    def _extend(self) -> None:
        self._service.report(self._claim, [])

    def _give_back(self, *, notify: bool) -> None:
        self._service.release(self._claim, notify=notify)
