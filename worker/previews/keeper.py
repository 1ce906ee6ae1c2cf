"""The lease keeper of a preview."""

import threading

from infra.previews.claims import PreviewClaims
from infra.previews.model import ClaimedPreview, PreviewOutcome
from worker.process.lease_keeper import LeaseKeeper, LeaseTiming


class PreviewKeeper(LeaseKeeper):
    """Keeps one claimed preview, and hands it in."""

    def __init__(
        self,
        *,
        claims: PreviewClaims,
        claim: ClaimedPreview,
        stop: threading.Event,
        timing: LeaseTiming,
    ) -> None:
        super().__init__(stop=stop, timing=timing, preview=claim.spec.id)
        self._claims = claims
        self._claim = claim

    def finish(self, outcome: PreviewOutcome) -> None:
        """Hand the preview in."""
        self.hand_in(lambda: self._claims.finish(self._claim, outcome))

    def _extend(self) -> None:
        self._claims.extend(self._claim)

    def _give_back(self, *, notify: bool) -> None:
        """Give it back; a sweep offers it again, a moment later."""
        self._claims.release(self._claim)
