"""A worker's side of previews: take one, keep it, hand it in."""

from collections.abc import Callable

from infra.errors import PreviewMissing
from infra.jobs.domain.rules import StaleLease
from infra.previews.model import ClaimedPreview, PreviewOutcome
from infra.previews.ports import PreviewKey, PreviewQueue
from infra.previews.store import PreviewStore
from infra.storage.port import ObjectStore


class PreviewClaims:
    """Claims previews. `clock`: seconds since the epoch.

    Every method raises ServiceUnavailable in an outage.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        queue: PreviewQueue,
        clock: Callable[[], float],
        lease_seconds: float,
    ) -> None:
        self._store = PreviewStore(objects)
        self._queue = queue
        self._clock = clock
        self._ttl = lease_seconds

    def claim(self, tenant: str, preview: str) -> ClaimedPreview | None:
        """Take a preview; None where it has ended, is taken, or is gone."""
        key = PreviewKey(tenant, preview)
        try:
            spec = self._store.spec(key)
        except PreviewMissing:
            self._queue.remove(key)
            return None
        if self._store.outcome(key) is not None:
            self._queue.remove(key)
            return None
        now = self._clock()
        attempt = self._queue.claim(key, now, now + self._ttl)
        return None if attempt is None else ClaimedPreview(spec=spec, attempt=attempt)

    def extend(self, claim: ClaimedPreview) -> None:
        """Keep it for longer; raises StaleLease."""
        if not self._queue.extend(_key(claim), claim.attempt, self._clock() + self._ttl):
            raise StaleLease(f"The preview {claim.spec.id} is another worker's.")

    def finish(self, claim: ClaimedPreview, outcome: PreviewOutcome) -> None:
        """Hand it in; its files lie in the bucket by now. Raises StaleLease."""
        self.extend(claim)
        self._store.write_outcome(_key(claim), outcome)
        self._queue.remove(_key(claim))

    def release(self, claim: ClaimedPreview) -> None:
        """Give it back unfinished; a sweep offers it again."""
        self._queue.release(_key(claim), claim.attempt, self._clock())

    def now(self) -> float:
        """Return the time of outcomes."""
        return self._clock()


def _key(claim: ClaimedPreview) -> PreviewKey:
    return PreviewKey(claim.spec.tenant, claim.spec.id)
