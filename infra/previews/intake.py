"""The API's side of previews: takes them in, and shows them."""

from collections.abc import Callable
from typing import BinaryIO, Final

import structlog

from infra import layout
from infra.errors import InvalidRequest, QueueFull, ServiceUnavailable
from infra.jobs.domain.model import Problem, Stroke
from infra.layout.ids import is_job_id, job_time, new_job_id
from infra.previews.model import (
    KEPT_SECONDS,
    PATIENCE_SECONDS,
    PictureSpec,
    PreviewOutcome,
    PreviewSpec,
    PreviewView,
)
from infra.previews.ports import PreviewKey, PreviewNotifier, PreviewQueue
from infra.previews.store import PreviewStore, missing
from infra.storage.port import ObjectStore

#: Previews that may be open: of one tenant, and of all.
MAX_TENANT_OPEN: Final = 16
MAX_OPEN: Final = 128
#: Seconds after which a refused client may try again.
RETRY_SECONDS: Final = 5
#: Seconds that an upload may take.
UPLOAD_SECONDS: Final = KEPT_SECONDS / 2

log = structlog.get_logger()


def unpainted(now: float) -> PreviewOutcome:
    """Return the outcome of a preview that nobody has painted in time."""
    return PreviewOutcome(
        finished=now,
        error=Problem(
            type="preview-timed-out",
            detail="No worker painted it in time; they were busy, or there was none. Send it "
            "again, or ask `impasto doctor`.",
        ),
    )


class PreviewIntake:
    """Takes previews in. `clock` is in seconds since the epoch.

    The order is marker, photo, spec, Redis, message: a kill between any two leaves nothing that is
    not removed an hour later. Every method raises ServiceUnavailable in an outage.
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
        self._objects = objects
        self._store = PreviewStore(objects)
        self._queue = queue
        self._notifier = notifier
        self._clock = clock
        self._patience = patience_seconds

    def begin(self, tenant: str) -> PreviewKey:
        """Announce a preview before its photo comes; raises QueueFull."""
        held = self._queue.open()
        own = sum(key.tenant == tenant for key in held)
        if own >= MAX_TENANT_OPEN or len(held) >= MAX_OPEN:
            raise QueueFull(
                f"Too many previews are being painted; try again in {RETRY_SECONDS} seconds.",
                retry_after=RETRY_SECONDS,
            )
        key = PreviewKey(tenant, new_job_id(self._clock()))
        self._store.mark(key)
        return key

    def keep_photo(self, key: PreviewKey, file: BinaryIO) -> None:
        """Store the photo, which nobody has looked into yet."""
        self._objects.put(layout.preview_photo(*key), file)

    def withdraw(self, key: PreviewKey) -> None:
        """Take back what was announced, as far as that is possible now."""
        try:
            self._store.remove(key)
            self._queue.remove(key)
        except ServiceUnavailable as error:  # a sweep removes it later
            log.warning("preview not withdrawn", preview=key.preview, reason=error.detail)

    def submit(
        self,
        key: PreviewKey,
        pictures: tuple[PictureSpec, ...],
        *,
        side: int,
        sheet: bool,
        stroke: Stroke = "native",
    ) -> PreviewView:
        """Accept a preview whose photo is there; it ends within PATIENCE_SECONDS from now on.

        Raises InvalidRequest where the photo took too long. On an error, nothing is accepted.
        """
        if self._clock() - job_time(key.preview) > UPLOAD_SECONDS:
            raise InvalidRequest("Sending the photo took too long; send it again.")
        spec = PreviewSpec(
            id=key.preview,
            tenant=key.tenant,
            created=self._clock(),
            side=side,
            stroke=stroke,
            sheet=sheet,
            pictures=pictures,
        )
        self._store.write_spec(spec)
        self._queue.add(key, spec.created + self._patience)
        log.info("preview submitted", preview=key.preview, pictures=len(pictures))
        try:
            self._notifier.notify_preview(*key)
        except ServiceUnavailable as error:
            log.warning("notification left to the sweep", reason=error.detail)
        return PreviewView(spec=spec, state="queued", outcome=None)

    def find(self, tenant: str, preview: str) -> PreviewView:
        """Return a preview of a tenant as it is now; raises PreviewMissing.

        One that Redis has forgotten is painted after all; one that waited too long has failed.
        """
        if not is_job_id(preview):
            raise missing(preview)
        key = PreviewKey(tenant, preview)
        outcome = self._store.outcome(key)  # first: it comes after the spec, and goes with it
        spec = self._store.spec(key)
        if outcome is None and self._clock() - spec.created > PATIENCE_SECONDS:
            outcome = self._give_up(key)
        if outcome is not None:
            state = "failed" if outcome.error else "succeeded"
            return PreviewView(spec=spec, state=state, outcome=outcome)
        self._queue.add(key, self._clock())
        _, held = self._queue.attempts(key, self._clock())
        return PreviewView(spec=spec, state="running" if held else "queued", outcome=None)

    def _give_up(self, key: PreviewKey) -> PreviewOutcome:
        outcome = unpainted(self._clock())
        self._store.write_outcome(key, outcome)
        self._queue.remove(key)
        return outcome
