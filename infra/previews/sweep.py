"""A sweep over previews: offers lost ones again, ends those that cannot be, removes old ones."""

from collections.abc import Callable
from typing import Final

import structlog

from infra.errors import PreviewMissing, ServiceUnavailable
from infra.jobs.domain.model import Problem
from infra.layout.ids import job_time
from infra.previews.intake import unpainted
from infra.previews.model import KEPT_SECONDS, PATIENCE_SECONDS, PreviewOutcome
from infra.previews.ports import PreviewKey, PreviewNotifier, PreviewQueue
from infra.previews.store import PreviewStore
from infra.storage.port import ObjectStore

#: Workers that a preview may take down.
MAX_ATTEMPTS: Final = 3
#: Seconds between looks at the markers in S3.
LOOK_SECONDS: Final = 60.0

log = structlog.get_logger()


class PreviewSweep:
    """Looks at every open preview. Safe to run twice, or in two places at once.

    `patience_seconds` is how long a message may be on its way.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        queue: PreviewQueue,
        notifier: PreviewNotifier,
        clock: Callable[[], float],
        patience_seconds: float,
    ) -> None:
        self._store = PreviewStore(objects)
        self._queue = queue
        self._notifier = notifier
        self._clock = clock
        self._patience = patience_seconds
        self._looked = float("-inf")

    def run(self) -> None:
        """Sweep once; raises ServiceUnavailable."""
        now = self._clock()
        for key in self._queue.due(now):
            try:
                self._sweep(key, now)
            except ServiceUnavailable as error:  # one that S3 refuses holds up no other
                log.warning("preview not swept", preview=key.preview, reason=error.detail)
        if not 0 <= now - self._looked < LOOK_SECONDS:  # clocks are put back, too
            self._look(now)
            self._looked = now

    def _sweep(self, key: PreviewKey, now: float) -> None:
        try:
            spec = self._store.spec(key)
        except PreviewMissing:
            self._queue.remove(key)
            return
        attempts, _ = self._queue.attempts(key, now)
        if self._store.outcome(key) is not None:
            self._queue.remove(key)
        elif attempts >= MAX_ATTEMPTS:
            self._end(key, _lost(now))
        elif now - spec.created > PATIENCE_SECONDS:
            self._end(key, unpainted(now))
        else:
            self._queue.postpone(key, now + self._patience)
            self._notifier.notify_preview(*key)
            log.info("preview offered again", preview=key.preview, attempts=attempts)

    def _end(self, key: PreviewKey, outcome: PreviewOutcome) -> None:
        self._store.write_outcome(key, outcome)
        self._queue.remove(key)
        reason = outcome.error.type if outcome.error else None
        log.warning("preview failed", preview=key.preview, reason=reason)

    def _look(self, now: float) -> None:
        """Remove previews whose time is over, and find those that Redis has forgotten."""
        known = set(self._queue.open())
        for key in list(self._store.marked()):
            age = now - job_time(key.preview)
            if age > KEPT_SECONDS:
                self._remove(key)
            elif key not in known and self._store.outcome(key) is None:
                self._queue.add(key, now)  # one whose photo is on its way goes again

    def _remove(self, key: PreviewKey) -> None:
        try:
            self._store.remove(key)
            self._queue.remove(key)
        except ServiceUnavailable as error:
            log.warning("preview not removed", preview=key.preview, reason=error.detail)


def _lost(now: float) -> PreviewOutcome:
    return PreviewOutcome(
        finished=now,
        error=Problem(
            type="photo-crashes-worker",
            detail=f"The worker went down {MAX_ATTEMPTS} times while it worked on this photo. "
            "Save it again with another program, or send another one.",
        ),
    )
