"""The preview service: its parts, put together over one queue, one bucket, one broker."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.previews.claims import PreviewClaims
from infra.previews.intake import PreviewIntake
from infra.previews.ports import PreviewNotifier, PreviewQueue
from infra.previews.sweep import PreviewSweep
from infra.settings import Settings
from infra.storage.port import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewServices:
    """One part for each kind of caller. Threads may share them."""

    #: Of the API.
    intake: PreviewIntake
    #: Of a worker.
    claims: PreviewClaims
    #: Of the sweeper.
    sweep: PreviewSweep


def connect_previews(
    *,
    objects: ObjectStore,
    queue: PreviewQueue,
    notifier: PreviewNotifier,
    clock: Callable[[], float],
    settings: Settings,
) -> PreviewServices:
    """Put the parts together; nothing is sent yet. `clock` is in seconds since the epoch."""
    patience = settings.ring_patience_seconds
    return PreviewServices(
        intake=PreviewIntake(
            objects=objects, queue=queue, notifier=notifier, clock=clock, patience_seconds=patience
        ),
        claims=PreviewClaims(
            objects=objects, queue=queue, clock=clock, lease_seconds=settings.lease_seconds
        ),
        sweep=PreviewSweep(
            objects=objects, queue=queue, notifier=notifier, clock=clock, patience_seconds=patience
        ),
    )
