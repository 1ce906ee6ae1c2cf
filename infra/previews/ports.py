"""Ports: what previews need of Redis and of the broker, and nothing more.

All methods raise ServiceUnavailable when the server cannot be reached. What Redis forgets is found
again by the markers in S3.
"""

from typing import NamedTuple, Protocol


class PreviewKey(NamedTuple):
    """Which preview."""

    tenant: str
    preview: str


class PreviewQueue(Protocol):
    """Previews that have not ended, each with the moment at which a sweep looks at it."""

    def add(self, key: PreviewKey, due: float) -> None:
        """Keep a preview; one that is there stays as it is."""
        ...

    def postpone(self, key: PreviewKey, due: float) -> None:
        """Let a sweep look at a preview that is there later."""
        ...

    def remove(self, key: PreviewKey) -> None:
        """Forget a preview."""
        ...

    def open(self) -> list[PreviewKey]:
        """Return all."""
        ...

    def due(self, now: float) -> list[PreviewKey]:
        """Return those whose moment has come."""
        ...

    def claim(self, key: PreviewKey, now: float, until: float) -> int | None:
        """Take a preview; return the number of the attempt, from 1.

        None where it is not there, or where somebody has it until later than `now`.
        """
        ...

    def extend(self, key: PreviewKey, attempt: int, until: float) -> bool:
        """Keep a preview for longer; return whether it was still ours."""
        ...

    def release(self, key: PreviewKey, attempt: int, now: float) -> None:
        """Give a preview back, as if the attempt had not been; nothing where it is not ours."""
        ...

    def attempts(self, key: PreviewKey, now: float) -> tuple[int, bool]:
        """Return how often a preview was taken, and whether somebody has it."""
        ...


class PreviewNotifier(Protocol):
    """Tells workers of a preview; what it says is never trusted."""

    def notify_preview(self, tenant: str, preview: str) -> None:
        """Send one message."""
        ...
