"""Whose turn it is among the queues: previews, and then lane after lane."""

from typing import Final, cast

from kombu.utils.scheduling import round_robin_cycle  # pyright: ignore[reportMissingTypeStubs]

#: The queue that comes before all others.
FIRST: Final = "previews"


class PreviewsFirst(round_robin_cycle):
    """kombu's order of queues: from each in turn, which lanes rely on, but previews come first."""

    def consume(self, n: int) -> list[str]:
        """Return the first `n` queues, in the order in which Redis is to look into them."""
        queues = cast("list[str]", super().consume(n))  # pyright: ignore[reportUnknownMemberType]
        return sorted(queues, key=lambda queue: queue != FIRST)
