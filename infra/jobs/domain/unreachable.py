"""Photos that the bucket does not give although it gives others. Pure rules.

Such a photo may be had later, so its chunk is put off; it may never be had, so that is bounded.
A training's one chunk counts as one photo here, whatever of its objects is out of reach.
"""

from collections.abc import Iterable
from typing import Final

from infra.jobs.domain import rules
from infra.jobs.domain.model import Chunk, JobRecord

#: Rounds of its chunk after which a photo that was out of reach in each is given up. Between two
#: of them lies the patience of the sweep.
ROUNDS: Final = 5


def put_off(
    record: JobRecord, number: int, token: int, photos: Iterable[int], now: float
) -> JobRecord:
    """Give a chunk back without a strike after a round in which `photos` were out of reach.

    Raises StaleLease when it is not the caller's.
    """
    record = rules.release(record, number, token, now)
    chunk = record.active[number]
    rounds = {index: chunk.fruitless.get(index, 0) + 1 for index in photos}
    chunk = chunk.model_copy(update={"fruitless": {**chunk.fruitless, **rounds}})
    return record.model_copy(update={"active": {**record.active, number: chunk}})


def last_round(chunk: Chunk) -> frozenset[int]:
    """Return the photos that fail if they are out of reach once more."""
    return frozenset(index for index, rounds in chunk.fruitless.items() if rounds >= ROUNDS - 1)
