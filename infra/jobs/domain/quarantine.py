"""Quarantine: a photo that takes workers down is worked alone, and then given up. Pure rules."""

from typing import Final

from infra.jobs.domain.model import Chunk, PhotoOutcome, Problem

#: Times a photo may be in the hands of a lost worker before its chunk goes photo by photo.
SOLO_STRIKES: Final = 2
#: Times a photo may be in the hands of a lost worker before it is given up.
QUARANTINE_STRIKES: Final = 3


def solo(chunk: Chunk) -> bool:
    """Whether the chunk must be worked photo by photo, to find the one that kills workers."""
    return any(
        SOLO_STRIKES <= strikes < QUARANTINE_STRIKES and index not in chunk.items
        for index, strikes in chunk.strikes.items()
    )


def poisoned(chunk: Chunk) -> list[PhotoOutcome]:
    """Return a failed outcome for every photo that took its worker down too often."""
    problem = Problem(
        type="photo-crashes-worker",
        detail=f"The worker went down {QUARANTINE_STRIKES} times while it worked on this photo. "
        "Save it again with another program, or leave it out.",
    )
    return [
        PhotoOutcome(index=index, error=problem)
        for index, strikes in sorted(chunk.strikes.items())
        if strikes >= QUARANTINE_STRIKES and index not in chunk.items
    ]
