"""Asks for a photo that may be out of reach alone: some times, not for ever.

An outage is no photo's fault and is waited for. One object may be kept back by a policy, a key or
damage of its own: waiting for it would hold a thread, and its album would never end. So it is
left for a later round of its chunk, and after some rounds it fails.
"""

from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar

from infra.errors import ServiceUnavailable
from worker.pixels import PhotoRejected

T = TypeVar("T")

#: Tries in one round; each holds back the photos that wait for its thread.
TRIES: Final = 3


class OutOfReach(ServiceUnavailable):
    """The bucket gives other objects, and not this one."""

    def __init__(self, key: str, error: ServiceUnavailable) -> None:
        super().__init__(f"The bucket gives other objects and not {key!r}. {error.detail}")


class LeftForLater(Exception):
    """A photo was out of reach in this round."""


def within_reach(prepare: Callable[[], T], *, last_round: bool) -> Callable[[], T]:
    """Return `prepare`, to be repeated while ServiceUnavailable is raised, but only so often.

    After TRIES of OutOfReach raises LeftForLater, and in the last round PhotoRejected as
    `photo-refused-by-storage`.
    """
    tries = count(1)

    def attempt() -> T:
        try:
            return prepare()
        except OutOfReach as error:
            if next(tries) < TRIES:
                raise
            if not last_round:
                raise LeftForLater from error
            raise PhotoRejected(
                "photo-refused-by-storage",
                f"{error.detail} Let the service read it or upload it again, then retry the job.",
            ) from error

    return attempt
