"""Admission control: limits on open jobs, queued photos and bytes (429 beyond them)."""

from typing import Final

from infra.errors import QueueFull
from infra.jobs.ports import JobStore, Waiting
from infra.settings import Settings

#: Seconds after which a refused client may try again.
RETRY_SECONDS: Final = 30


class Admission:
    """Refuses jobs while a limit is reached.

    A job is let in as long as no limit is reached, and may exceed it by its own size: an album
    larger than a limit must not wait for ever. Jobs sent at the same moment may all be let in, so
    a limit may also be exceeded by what one moment brings.
    """

    def __init__(self, *, records: JobStore, settings: Settings) -> None:
        self._records = records
        self._own = Waiting(
            settings.max_tenant_open_jobs,
            settings.max_tenant_waiting_photos,
            settings.max_tenant_waiting_bytes,
        )
        self._all = Waiting(
            settings.max_open_jobs, settings.max_waiting_photos, settings.max_waiting_bytes
        )

    def check(self, tenant: str) -> None:
        """Raise QueueFull when a limit is reached, ServiceUnavailable when Redis is away."""
        own, everybody = self._records.waiting(tenant)
        for whose, waiting, bounds in (
            ("Your", own, self._own),
            ("This service's", everybody, self._all),
        ):
            if full := _full(waiting, bounds):
                raise QueueFull(
                    f"{whose} queue is full ({full}); nothing was taken in. Send the job again in "
                    f"{RETRY_SECONDS} seconds, or when others have ended.",
                    retry_after=RETRY_SECONDS,
                )


def _full(waiting: Waiting, bounds: Waiting) -> str | None:
    """Say which bound is reached, if any."""
    units = ("open jobs", "photos waiting", "bytes waiting")
    for unit, amount, bound in zip(units, waiting, bounds, strict=True):
        if amount >= bound:
            return f"{amount} {unit}, {bound} allowed"
    return None
