"""Limits how often a worker asks for a photo that S3 refuses alone.

Waiting for such a photo would hold a thread, and its album would never end. So the photo is
deferred to a later round of its chunk, and after some rounds it fails.
"""

from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar

from infra.storage.unreadable import UnreadableObject
from worker.pixels import PhotoRejected

T = TypeVar("T")

#: Tries in one round; each delays the photos that wait for its thread.
TRIES: Final = 3


class PhotoDeferred(Exception):
    """A photo was unreadable in this round."""


def bounded_tries(prepare: Callable[[], T], *, last_attempt: bool) -> Callable[[], T]:
    """Return `prepare`, to be repeated while it raises ServiceUnavailable, with a limit.

    After TRIES times UnreadableObject it raises PhotoDeferred, and on the last attempt
    PhotoRejected as `photo-refused-by-storage`.
    """
    tries = count(1)

    def attempt() -> T:
        try:
            return prepare()
        except UnreadableObject as error:
            if next(tries) < TRIES:
                raise
            if not last_attempt:
                raise PhotoDeferred from error
            raise PhotoRejected(
                "photo-refused-by-storage", error.advice("retry the job")
            ) from error

    return attempt
