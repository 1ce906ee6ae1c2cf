"""Deferral: a chunk is given back without a strike while S3 refuses one of its objects. Pure rules.

The object may be readable later, so the chunk has retry rounds; it may never be, so they are
limited. A training's one chunk counts as one photo here, whichever of its objects is unreadable.
"""

from collections.abc import Iterable
from typing import Final

from infra.jobs.domain import rules
from infra.jobs.domain.model import Chunk, JobRecord

#: Rounds of its chunk after which a photo that was unreadable in each of them fails. Between two
#: of them lies the patience of the sweep.
RETRY_ROUNDS: Final = 5


def defer(
    record: JobRecord, number: int, token: int, photos: Iterable[int], now: float
) -> JobRecord:
    """Give a chunk back without a strike after a round in which `photos` were unreadable.

    Raises StaleLease when it is not the caller's.
    """
    record = rules.release(record, number, token, now)
    chunk = record.active[number]
    rounds = {index: chunk.retry_rounds.get(index, 0) + 1 for index in photos}
    chunk = chunk.model_copy(update={"retry_rounds": {**chunk.retry_rounds, **rounds}})
    return record.with_chunk(chunk)


def last_attempt(chunk: Chunk) -> frozenset[int]:
    """Return the photos that fail if they are unreadable once more."""
    return frozenset(
        index for index, rounds in chunk.retry_rounds.items() if rounds >= RETRY_ROUNDS - 1
    )
